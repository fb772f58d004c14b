"""``malote metrics``: the figures that Prometheus reads, for its collector of text files or a look."""

import sys
import time

import typer

from malote.terminal.command import ConfigOption, JsonOption, services_of
from malote.terminal.output import print_json


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("metrics")(metrics)


def metrics(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Prints the figures as Prometheus reads them; what each means is in docs/metrics.md."""
    from malote.findings import metrics as figures

    with services_of(config) as services:
        if json:
            print_json(figures.samples(services.engine, time.time()))
        else:
            sys.stdout.write(figures.text(services.engine, time.time()))
