"""`his`: the operator's and the developer's command line.

Every group of commands is a small file here. A command imports its engine when it runs, so that `his --help` is
instant. Settings come from the environment; where there are none, from the local stack of this checkout.
"""

import typer

from infra.his import audit, code, dead_letters, demo, identity, prepare, prewarm, schema, stack

app = typer.Typer(
    help="Hospital information system of a county medical consortium.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # A traceback with local variables would print patients' data and passwords.
    pretty_exceptions_enable=False,
)

stack.register(app)
schema.register(app)
demo.register(app)
code.register(app)
app.add_typer(audit.app, name="audit")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(identity.app, name="identity")
app.add_typer(prepare.app, name="prepare")
app.command("prewarm")(prewarm.prewarm)

if __name__ == "__main__":
    app()
