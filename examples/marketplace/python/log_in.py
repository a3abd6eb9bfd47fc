"""What a person does in the browser: fills in the log-in page and the consent page. No part of an integration."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


def log_in(url, redirect_uri, username, password):
    """Returns the address that the browser is sent to at the end: the redirect URI with its parameters."""
    browser = requests.Session()
    response = browser.get(url, allow_redirects=False)
    for _ in range(8):
        if response.is_redirect:
            location = urljoin(response.url, response.headers["Location"])
            if location.startswith(redirect_uri + "?"):
                return location
            response = browser.get(location, allow_redirects=False)
            continue
        form = Form.of(response)
        filled = {"username": username, "password": password} if form.asks("password") else {"decision": "allow"}
        action = urljoin(response.url, form.action)
        response = browser.post(action, data=form.given + list(filled.items()), allow_redirects=False)
    raise RuntimeError(f"the pages did not lead to {redirect_uri}")


class Form:
    """The fields of one form: those that come filled in, and the names of all."""

    def __init__(self, action):
        self.action = action
        self.given = []
        self.names = set()

    def asks(self, name):
        return name in self.names

    @staticmethod
    def of(response):
        """The form of the page that logs in or decides."""
        parser = FormParser()
        parser.feed(response.text)
        for form in parser.forms:
            if form.asks("password") or form.asks("decision"):
                return form
        raise RuntimeError(f"no form to fill in at {response.url} (status {response.status_code})")


class FormParser(HTMLParser):
    """Collects a page's forms."""

    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append(Form(attributes.get("action") or ""))
        elif tag in ("input", "button") and self.forms and attributes.get("name"):
            form = self.forms[-1]
            form.names.add(attributes["name"])
            if attributes.get("type") == "hidden" or "checked" in attributes:
                form.given.append((attributes["name"], attributes.get("value") or ""))
