import sys
import unittest

sys.path.insert(0, "guestbook")
from page import render


class Page(unittest.TestCase):
    def test_what_strangers_write_is_text(self):
        page = render("1", [("<b>", "a & b")])
        self.assertIn("<li><b>&lt;b&gt;</b>: a &amp; b</li>", page)
