package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	redirectURI = "http://localhost:8080/callback"
	home        = "http://localhost:8080/"
)

// app is a web app that logs people in. It knows the issuer, its client and its secret; everything else is in the
// issuer's discovery document.
type app struct {
	issuer     string
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	config     oauth2.Config
	endSession string
}

// login is what an app has of a person who is logged in.
type login struct {
	token   *oauth2.Token
	idToken *oidc.IDToken
	raw     string
	claims  claims
}

// claims are those that go-oidc leaves to the app.
type claims struct {
	AuthTime int64    `json:"auth_time"`
	Methods  []string `json:"amr"`
}

func discover(ctx context.Context, issuer, clientID, clientSecret string) (*app, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	return &app{
		issuer:   issuer,
		provider: provider,
		// Takes the algorithms that the discovery document names.
		verifier:   provider.Verifier(&oidc.Config{ClientID: clientID}),
		endSession: metadata.EndSession,
		config: oauth2.Config{
			ClientID:     clientID,
			ClientSecret: clientSecret,
			Endpoint:     provider.Endpoint(),
			RedirectURL:  redirectURI,
			Scopes:       []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
		},
	}, nil
}

// logIn sends a browser to the issuer, and redeems the code that it comes back with.
func (app *app) logIn(ctx context.Context, browser *person) (*login, error) {
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	address := app.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))
	answer, err := browser.follow(address, redirectURI)
	if err != nil {
		return nil, err
	}
	response := answer.Query()
	if response.Get("error") != "" || response.Get("state") != state || response.Get("iss") != app.issuer {
		return nil, fmt.Errorf("error, state or iss of %s is not as it should be", answer)
	}
	token, err := app.config.Exchange(ctx, response.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	login, err := app.verified(ctx, token)
	if err != nil {
		return nil, err
	}
	if login.idToken.Nonce != nonce {
		return nil, errors.New("the nonce is not that of the request")
	}
	return login, nil
}

// isLoggedIn asks whether a browser has a session with the issuer, which shows no page for this.
func (app *app) isLoggedIn(browser *person) (bool, error) {
	prompt := oauth2.SetAuthURLParam("prompt", "none")
	challenge := oauth2.S256ChallengeOption(oauth2.GenerateVerifier())
	answer, err := browser.follow(app.config.AuthCodeURL(rand.Text(), prompt, challenge), redirectURI)
	if err != nil {
		return false, err
	}
	switch answer.Query().Get("error") {
	case "":
		return true, nil
	case "login_required":
		return false, nil
	default:
		return false, fmt.Errorf("not the answer to prompt=none: %s", answer)
	}
}

// refresh redeems the refresh token, and verifies the new ID token.
func (app *app) refresh(ctx context.Context, old *login) (*login, error) {
	token, err := app.config.TokenSource(ctx, &oauth2.Token{RefreshToken: old.token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	return app.verified(ctx, token)
}

// userinfo asks the issuer for what it knows of the person, who is still the one of the ID token.
func (app *app) userinfo(ctx context.Context, of *login) (name, email string, err error) {
	info, err := app.provider.UserInfo(ctx, oauth2.StaticTokenSource(of.token))
	if err != nil {
		return "", "", err
	}
	if info.Subject != of.idToken.Subject {
		return "", "", errors.New("userinfo speaks of somebody else")
	}
	var profile struct{ Name string }
	if err := info.Claims(&profile); err != nil {
		return "", "", err
	}
	return profile.Name, info.Email, nil
}

// logOut ends a browser's session with the issuer, and comes back to the app.
func (app *app) logOut(browser *person, of *login) error {
	state := rand.Text()
	query := url.Values{"id_token_hint": {of.raw}, "post_logout_redirect_uri": {home}, "state": {state}}
	back, err := browser.follow(app.endSession+"?"+query.Encode(), home)
	if err != nil {
		return err
	}
	if back.Query().Get("state") != state {
		return errors.New("the state is not that of the request")
	}
	return nil
}

// verified takes the ID token out of a token response.
func (app *app) verified(ctx context.Context, token *oauth2.Token) (*login, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("no ID token")
	}
	idToken, err := app.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	login := &login{token: token, idToken: idToken, raw: raw}
	return login, errors.Join(idToken.VerifyAccessToken(token.AccessToken), idToken.Claims(&login.claims))
}
