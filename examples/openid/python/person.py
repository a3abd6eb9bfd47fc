"""What a person does in the browser: fills in the log-in page and the consent page. No part of an integration."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class Person:
    """Somebody with a browser of their own, which keeps its cookies."""

    def __init__(self, username="an", password="kimbai-demo"):
        self.credentials = {"username": username, "password": password}
        self.browser = requests.Session()

    def follow(self, url, until):
        """Goes on from this address until the browser is sent to an app; returns the address there."""
        response = self.browser.get(url, allow_redirects=False)
        for _ in range(8):
            if response.is_redirect:
                location = urljoin(response.url, response.headers["Location"])
                if location.split("?")[0] == until:
                    return location
                response = self.browser.get(location, allow_redirects=False)
                continue
            form = Form.of(response)
            filled = self.credentials if "password" in form.names else {"decision": "allow"}
            data = form.given + list(filled.items())
            response = self.browser.post(urljoin(response.url, form.action), data=data, allow_redirects=False)
        raise RuntimeError(f"the pages did not lead to {until}")


class Form:
    """The fields of one form: those that come filled in, and the names of all."""

    def __init__(self, action):
        self.action = action
        self.given = []
        self.names = set()

    @staticmethod
    def of(response):
        """The form of the page that logs in or decides."""
        parser = FormParser()
        parser.feed(response.text)
        for form in parser.forms:
            if form.names & {"password", "decision"}:
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
