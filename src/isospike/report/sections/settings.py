"""How the report was made, so that it can be made again."""

from isospike.report.case import Case, Section
from isospike.shown import cell


def settings(case: Case) -> Section:
    """The command, and every setting."""
    rows = [
        {"setting": key, "value": cell(value)}
        for key, value in case.settings.items()
        if value is not None and value != ()
    ]
    return Section(
        "How this was made",
        ("This command makes this page again, with --overwrite where the file is still there:",),
        code=case.command,
        rows=rows,
    )
