// The requests of Tiki Marketplace's document "Authorization code flow" with golang.org/x/oauth2, against a running
// sandbox. KIMBAI_URL is the realm's address.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

const (
	clientID     = "7590139168389961"
	clientSecret = "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew"
	redirectURI  = "http://localhost:8080/callback"
)

var scopes = []string{"offline", "product", "order", "inventory"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("All as documented.")
}

func run() error {
	issuer := os.Getenv("KIMBAI_URL")
	if issuer == "" {
		issuer = "http://localhost:4602"
	}
	app := app{issuer: issuer, config: oauth2.Config{
		ClientID:     clientID,
		ClientSecret: clientSecret,
		RedirectURL:  redirectURI,
		Scopes:       scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   issuer + "/sc/oauth2/auth",
			TokenURL:  issuer + "/sc/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}}
	app.context = context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: clientIDInBody{}})

	first, err := app.authorize()
	if err != nil {
		return err
	}
	return app.refreshes(first)
}

type app struct {
	issuer  string
	config  oauth2.Config
	context context.Context
}

// authorize goes from the authorization request to the first tokens.
func (app *app) authorize() (*oauth2.Token, error) {
	state := rand.Text()
	address := app.config.AuthCodeURL(state)
	step("The app sends the browser to %s", address)

	step("The seller logs in and agrees")
	location, err := logIn(address, redirectURI, "an", "kimbai-demo")
	if err != nil {
		return nil, err
	}
	answer := location.Query()
	if answer.Get("error") != "" || answer.Get("state") != state || answer.Get("iss") != app.issuer {
		return nil, fmt.Errorf("error, state or iss of %s is not as it should be", location)
	}
	fmt.Printf("    code %.8s…\n", answer.Get("code"))

	step("The app redeems the code")
	first, err := app.config.Exchange(app.context, answer.Get("code"))
	if err != nil {
		return nil, err
	}
	if err := expectTokens(first); err != nil {
		return nil, err
	}
	fmt.Printf("    access token %.8s…, refresh token %.8s…\n", first.AccessToken, first.RefreshToken)

	step("The access token opens GET /integration/v2/sellers/me")
	return first, app.expectSeller(first, http.StatusOK)
}

// refreshes shows rotation, retry and reuse.
func (app *app) refreshes(first *oauth2.Token) error {
	step("Refresh")
	second, err := app.refresh(first.RefreshToken)
	if err != nil {
		return err
	}
	if second.RefreshToken == first.RefreshToken {
		return errors.New("the refresh token was not rotated")
	}

	step("The same refresh again, as after a lost answer: the same tokens")
	again, err := app.refresh(first.RefreshToken)
	if err != nil {
		return err
	}
	if again.RefreshToken != second.RefreshToken || again.AccessToken != second.AccessToken {
		return errors.New("the retry was answered with other tokens")
	}

	step("Refresh with the new one")
	third, err := app.refresh(second.RefreshToken)
	if err != nil {
		return err
	}
	if third.RefreshToken == second.RefreshToken {
		return errors.New("the refresh token was not rotated")
	}

	step("The first one once more: reuse, refused")
	if err := app.expectRefused(first.RefreshToken); err != nil {
		return err
	}

	step("The grant is revoked: the newest refresh token is refused")
	if err := app.expectRefused(third.RefreshToken); err != nil {
		return err
	}

	step("and the newest access token opens nothing")
	return app.expectSeller(third, http.StatusUnauthorized)
}

func (app *app) refresh(refreshToken string) (*oauth2.Token, error) {
	token, err := app.config.TokenSource(app.context, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return nil, err
	}
	return token, expectTokens(token)
}

func (app *app) expectRefused(refreshToken string) error {
	_, err := app.refresh(refreshToken)
	if err == nil {
		return errors.New("the refresh token was accepted")
	}
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return err
	}
	if refusal.ErrorCode != "invalid_grant" || refusal.Response.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("refused as %s with status %d", refusal.ErrorCode, refusal.Response.StatusCode)
	}
	fmt.Printf("    %s\n", refusal.Body)
	return nil
}

func (app *app) expectSeller(token *oauth2.Token, status int) error {
	client := oauth2.NewClient(context.Background(), oauth2.StaticTokenSource(token))
	response, err := client.Get(app.issuer + "/integration/v2/sellers/me")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		return fmt.Errorf("status %d, not %d", response.StatusCode, status)
	}
	if status != http.StatusOK {
		if !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer") {
			return errors.New("no WWW-Authenticate: Bearer")
		}
		return nil
	}
	var seller struct{ Name string }
	if err := json.NewDecoder(response.Body).Decode(&seller); err != nil {
		return err
	}
	fmt.Printf("    %s\n", seller.Name)
	return nil
}

func expectTokens(token *oauth2.Token) error {
	scope, _ := token.Extra("scope").(string)
	granted := strings.Fields(scope)
	slices.Sort(granted)
	if !slices.Equal(granted, slices.Sorted(slices.Values(scopes))) {
		return fmt.Errorf("scope is %q", scope)
	}
	if token.Type() != "Bearer" || token.ExpiresIn <= 0 || token.AccessToken == "" || token.RefreshToken == "" {
		return errors.New("token_type, expires_in or a token is not as it should be")
	}
	return nil
}

// clientIDInBody adds client_id to each token request's form. The document wants it there beside the Basic header, and
// x/oauth2 sends the one or the other.
type clientIDInBody struct{}

func (clientIDInBody) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	request.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	form.Set("client_id", clientID)
	encoded := form.Encode()
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(strings.NewReader(encoded))
	request.ContentLength = int64(len(encoded))
	return http.DefaultTransport.RoundTrip(request)
}

var steps int

func step(format string, arguments ...any) {
	steps++
	fmt.Printf("%2d. %s\n", steps, fmt.Sprintf(format, arguments...))
}
