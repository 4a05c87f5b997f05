"""What the page looks like."""
import html


def render(version, entries):
    """The page with these entries, each a name and a text."""
    rows = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>\n" for name, text in entries)
    return f"<h1>Guestbook {html.escape(version)}</h1>\n<ul>\n{rows}</ul>\n"
