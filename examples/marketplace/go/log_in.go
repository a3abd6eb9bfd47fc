package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// logIn does what a person does in the browser: it fills in the log-in page and the consent page, and returns the
// address that the browser is sent to at the end. No part of an integration.
func logIn(address, redirectURI, username, password string) (*url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := browser.Get(address)
	for range 8 {
		if err != nil {
			return nil, err
		}
		if location, absent := response.Location(); absent == nil {
			response.Body.Close()
			if strings.HasPrefix(location.String(), redirectURI+"?") {
				return location, nil
			}
			response, err = browser.Get(location.String())
			continue
		}
		var form *form
		if form, err = formOf(response); err != nil {
			return nil, err
		}
		if form.names["password"] {
			form.given.Set("username", username)
			form.given.Set("password", password)
		} else {
			form.given.Set("decision", "allow")
		}
		response, err = browser.PostForm(form.action, form.given)
	}
	return nil, fmt.Errorf("the pages did not lead to %s", redirectURI)
}

// form is what one form of a page holds: the fields that come filled in, and the names of all.
type form struct {
	action string
	given  url.Values
	names  map[string]bool
}

// formOf finds the form of the page that logs in or decides.
func formOf(response *http.Response) (*form, error) {
	defer response.Body.Close()
	page, err := html.Parse(response.Body)
	if err != nil {
		return nil, err
	}
	for node := range page.Descendants() {
		if node.Type != html.ElementNode || node.Data != "form" {
			continue
		}
		found := &form{given: url.Values{}, names: map[string]bool{}}
		action, err := response.Request.URL.Parse(attributes(node)["action"])
		if err != nil {
			return nil, err
		}
		found.action = action.String()
		for field := range node.Descendants() {
			found.add(attributes(field))
		}
		if found.names["password"] || found.names["decision"] {
			return found, nil
		}
	}
	return nil, fmt.Errorf("no form to fill in at %s (status %d)", response.Request.URL, response.StatusCode)
}

func (form *form) add(field map[string]string) {
	name, named := field["name"]
	if !named {
		return
	}
	form.names[name] = true
	if _, checked := field["checked"]; checked || field["type"] == "hidden" {
		form.given.Add(name, field["value"])
	}
}

func attributes(node *html.Node) map[string]string {
	found := map[string]string{}
	for _, attribute := range node.Attr {
		found[attribute.Key] = attribute.Val
	}
	return found
}
