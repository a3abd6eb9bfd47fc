// The requests of OneID's pages for PKCE clients with golang.org/x/oauth2 and go-oidc, against a running sandbox.
// KIMBAI_ONEID_URL is the realm's issuer, with its slash.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	clientID    = "1mg"
	redirectURI = "http://localhost:8080/callback"
	home        = "http://localhost:8080/"
	scope       = "openid offline profile email phone address identity"
)

func main() {
	issuer := os.Getenv("KIMBAI_ONEID_URL")
	if issuer == "" {
		issuer = "http://localhost:4605/"
	}
	if err := run(context.Background(), issuer); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("All as documented.")
}

func run(ctx context.Context, issuer string) error {
	step("The app reads what %s says of itself", issuer)
	// go-oidc compares the issuer character by character: without the slash this would be the end.
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	endpoint := provider.Endpoint()
	// The app has no secret; its client_id goes into the body.
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	app := &app{issuer: issuer, provider: provider, config: oauth2.Config{
		ClientID: clientID, RedirectURL: redirectURI, Scopes: strings.Fields(scope), Endpoint: endpoint,
	}}
	first, person, err := app.authorize(ctx)
	if err != nil {
		return err
	}
	if err := app.look(ctx, first, person); err != nil {
		return err
	}
	second, err := app.refreshes(ctx, first, person)
	if err != nil {
		return err
	}
	return app.ends(ctx, second)
}

type app struct {
	issuer   string
	provider *oidc.Provider
	config   oauth2.Config
}

// person is what an ID token says, as far as this program looks at it.
type person struct {
	Subject  string `json:"sub"`
	AuthTime int64  `json:"auth_time"`
}

// authorize goes from the authorization request to the first tokens.
func (app *app) authorize(ctx context.Context) (*oauth2.Token, *person, error) {
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	address := app.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))
	step("The app sends the browser to %s", address)

	step("The person logs in and agrees")
	location, err := logIn(address, redirectURI, "an", "kimbai-demo")
	if err != nil {
		return nil, nil, err
	}
	answer := location.Query()
	if answer.Get("error") != "" || answer.Get("state") != state || answer.Get("iss") != app.issuer {
		return nil, nil, fmt.Errorf("error, state or iss of %s is not as it should be", location)
	}

	step("The app redeems the code with its verifier, and verifies the ID token")
	first, err := app.config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	who, err := app.verify(ctx, first, nonce)
	if err != nil {
		return nil, nil, err
	}
	fmt.Printf("    sub %s, auth_time %d\n", who.Subject, who.AuthTime)
	return first, who, nil
}

// verify checks an answer of the token endpoint and its ID token.
func (app *app) verify(ctx context.Context, token *oauth2.Token, nonce string) (*person, error) {
	if token.Type() != "Bearer" || token.ExpiresIn <= 3500 || token.ExpiresIn > 3600 || token.RefreshToken == "" || token.Extra("scope") != scope {
		return nil, fmt.Errorf("token_type, expires_in, scope or a token is not as it should be: %v", token.Extra("scope"))
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := app.provider.VerifierContext(ctx, &oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if nonce != idToken.Nonce {
		return nil, errors.New("the nonce is another one")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, err
	}
	who := new(person)
	return who, idToken.Claims(who)
}

// look shows both places where the person's data are.
func (app *app) look(ctx context.Context, token *oauth2.Token, who *person) error {
	step("The person's standard claims, from the userinfo endpoint")
	info, err := app.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	if info.Subject != who.Subject {
		return fmt.Errorf("sub is %q", info.Subject)
	}
	fmt.Printf("    %s\n", info.Email)

	step("The platform's own profile: GET %s", app.profile())
	profile, err := app.readProfile(ctx, "Authorization", token)
	if err != nil {
		return err
	}
	if profile.Meta.Code != http.StatusOK || profile.Data.Gender == 0 {
		return fmt.Errorf("the profile is %+v", profile)
	}
	fmt.Printf("    %s, %s, %d documents\n", profile.Data.FullName, profile.Data.BirthDate, len(profile.Data.Documents))

	step("Its document has the header misspelt: that works too")
	_, err = app.readProfile(ctx, "Authentication", token)
	return err
}

type profile struct {
	Data struct {
		FullName  string            `json:"full_name"`
		BirthDate string            `json:"dob"`
		Gender    int               `json:"gender"`
		Documents []json.RawMessage `json:"identity_documents"`
	} `json:"data"`
	Meta struct {
		Code int `json:"code"`
	} `json:"meta"`
}

func (app *app) profile() string { return app.issuer + "user-management/user-info" }

func (app *app) readProfile(ctx context.Context, header string, token *oauth2.Token) (*profile, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, app.profile(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set(header, "bearer "+token.AccessToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	read := new(profile)
	return read, json.NewDecoder(response.Body).Decode(read)
}

// refreshes shows rotation and the answer to a second tab.
func (app *app) refreshes(ctx context.Context, first *oauth2.Token, who *person) (*oauth2.Token, error) {
	step("Refresh: a new ID token of the same log-in")
	second, err := app.refresh(ctx, first.RefreshToken)
	if err != nil {
		return nil, err
	}
	again, err := app.verify(ctx, second, "")
	if err != nil {
		return nil, err
	}
	if *again != *who || second.RefreshToken == first.RefreshToken {
		return nil, errors.New("it is another log-in, or the refresh token was not rotated")
	}

	step("The same refresh again, as from another tab: the same tokens")
	same, err := app.refresh(ctx, first.RefreshToken)
	if err != nil {
		return nil, err
	}
	if same.RefreshToken != second.RefreshToken {
		return nil, errors.New("the retry was answered with other tokens")
	}
	return second, nil
}

func (app *app) refresh(ctx context.Context, refreshToken string) (*oauth2.Token, error) {
	return app.config.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// ends shows log-out and revocation.
func (app *app) ends(ctx context.Context, token *oauth2.Token) error {
	var endpoint struct {
		EndSession string `json:"end_session_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	if err := app.provider.Claims(&endpoint); err != nil {
		return err
	}
	step("Log-out leads back to the app")
	idToken, _ := token.Extra("id_token").(string)
	asked := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {home}, "state": {"12345678"}}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(endpoint.EndSession + "?" + asked.Encode())
	if err != nil {
		return err
	}
	response.Body.Close()
	if back := response.Header.Get("Location"); back != home+"?state=12345678" {
		return fmt.Errorf("led to %q", back)
	}

	step("What was allowed with offline lives on, until it is revoked")
	third, err := app.refresh(ctx, token.RefreshToken)
	if err != nil {
		return err
	}
	response, err = http.PostForm(endpoint.Revocation, url.Values{"token": {third.RefreshToken}, "client_id": {clientID}})
	if err != nil {
		return err
	}
	response.Body.Close()
	var refusal *oauth2.RetrieveError
	if _, err = app.refresh(ctx, third.RefreshToken); !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
		return fmt.Errorf("not refused as it should be: %w", err)
	}

	step("and the access token opens nothing")
	read, err := app.readProfile(ctx, "Authorization", third)
	if err != nil {
		return err
	}
	if read.Meta.Code != 4010001 {
		return fmt.Errorf("meta.code is %d", read.Meta.Code)
	}
	return nil
}

var steps int

func step(format string, arguments ...any) {
	steps++
	fmt.Printf("%2d. %s\n", steps, fmt.Sprintf(format, arguments...))
}
