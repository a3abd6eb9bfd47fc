package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"golang.org/x/net/html"
)

// person is somebody with a browser of their own, which keeps its cookies. No part of an integration.
type person struct {
	username, password string
	browser            *http.Client
}

func newPerson(username, password string) (*person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &person{username, password, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}, nil
}

// follow goes on from an address, over the log-in page and the consent page, until the browser is sent to an app: the
// address there.
func (person *person) follow(address, until string) (*url.URL, error) {
	response, err := person.browser.Get(address)
	for range 8 {
		if err != nil {
			return nil, err
		}
		if location, absent := response.Location(); absent == nil {
			response.Body.Close()
			if location.Scheme+"://"+location.Host+location.Path == until {
				return location, nil
			}
			response, err = person.browser.Get(location.String())
			continue
		}
		var form *form
		if form, err = formOf(response); err != nil {
			return nil, err
		}
		if form.names["password"] {
			form.given.Set("username", person.username)
			form.given.Set("password", person.password)
		} else {
			form.given.Set("decision", "allow")
		}
		response, err = person.browser.PostForm(form.action, form.given)
	}
	return nil, fmt.Errorf("the pages did not lead to %s", until)
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
