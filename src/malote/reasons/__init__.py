"""The texts of the catalogue, as data; ``malote.rejection`` reads them."""
