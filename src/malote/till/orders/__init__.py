"""What the server orders, at the till: taken once it is proven to be the server's, carried out, resumed, told."""
