// Log-in, refresh, userinfo and log-out with golang.org/x/oauth2 and coreos/go-oidc, against a running sandbox.
// KIMBAI_STANDARD_URL is the realm's address.
//
//	go run .             a walk through all of it, step by step
//	go run . rotate [S]  verifies ID tokens for S seconds (60) while the sandbox's keys follow each other
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keysMin is what a minute with new keys every five seconds must show, five for each of three algorithms.
const keysMin = 15

// clients are one and the same app four times: its ID tokens are signed with different algorithms, and once so is userinfo.
var clients = []struct{ id, secret, algorithm string }{
	{"demo-web", "demo-web-secret-0123456789abcdef", "RS256"},
	{"demo-web-signed", "demo-web-signed-secret-0123456789", "RS256"},
	{"demo-web-es256", "demo-web-es256-secret-0123456789", "ES256"},
	{"demo-web-eddsa", "demo-web-eddsa-secret-0123456789", "EdDSA"},
}

func main() {
	issuer := os.Getenv("KIMBAI_STANDARD_URL")
	if issuer == "" {
		issuer = "http://localhost:4600"
	}
	if err := run(context.Background(), issuer, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, issuer string, arguments []string) error {
	if len(arguments) == 0 || arguments[0] != "rotate" {
		return walk(ctx, issuer)
	}
	seconds := 60
	if len(arguments) > 1 {
		var err error
		if seconds, err = strconv.Atoi(arguments[1]); err != nil {
			return err
		}
	}
	return rotate(ctx, issuer, time.Duration(seconds)*time.Second)
}

func walk(ctx context.Context, issuer string) error {
	browser, err := newPerson("an", "kimbai-demo")
	if err != nil {
		return err
	}
	var web *app
	var last *login
	for _, client := range clients {
		step("%s discovers the issuer", client.id)
		if web, err = discover(ctx, issuer, client.id, client.secret); err != nil {
			return err
		}
		if last, err = visit(ctx, web, browser, client.algorithm); err != nil {
			return err
		}
	}

	step("Log-out, and back to the app")
	if is, err := web.isLoggedIn(browser); err != nil || !is {
		return errors.Join(err, errors.New("not logged in before the log-out"))
	}
	if err := web.logOut(browser, last); err != nil {
		return err
	}
	if is, err := web.isLoggedIn(browser); err != nil || is {
		return errors.Join(err, errors.New("still logged in after the log-out"))
	}

	step("What was allowed with offline_access lives on")
	if _, err := web.refresh(ctx, last); err != nil {
		return err
	}
	fmt.Println("All as expected.")
	return nil
}

// visit goes from the log-in of a person to the app's first refresh.
func visit(ctx context.Context, web *app, browser *person, algorithm string) (*login, error) {
	step("It logs a person in and verifies the ID token (%s)", algorithm)
	first, err := web.logIn(ctx, browser)
	if err != nil {
		return nil, err
	}
	if header(first).Algorithm != algorithm || first.idToken.Subject != "1" {
		return nil, errors.New("alg or sub is not as it should be")
	}
	fmt.Printf("    sub %s, auth_time %d, amr %v\n", first.idToken.Subject, first.claims.AuthTime, first.claims.Methods)

	step("The userinfo endpoint knows more")
	name, email, err := web.userinfo(ctx, first)
	if err != nil {
		return nil, err
	}
	fmt.Printf("    %s <%s>\n", name, email)

	step("Refresh: the new ID token is of the same log-in")
	second, err := web.refresh(ctx, first)
	if err != nil {
		return nil, err
	}
	isSame := second.idToken.Issuer == first.idToken.Issuer && second.idToken.Subject == first.idToken.Subject &&
		slices.Equal(second.idToken.Audience, first.idToken.Audience) && second.claims.AuthTime == first.claims.AuthTime
	if !isSame || header(second).Algorithm != algorithm {
		return nil, errors.New("the new ID token speaks of another log-in")
	}
	return second, nil
}

func rotate(ctx context.Context, issuer string, duration time.Duration) error {
	browser, err := newPerson("chi", "kimbai-demo")
	if err != nil {
		return err
	}
	webs, logins := make([]*app, len(clients)), make([]*login, len(clients))
	for place, client := range clients {
		if webs[place], err = discover(ctx, issuer, client.id, client.secret); err != nil {
			return err
		}
	}
	rounds, verified, keys := 0, 0, map[string]bool{}
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		for place, web := range webs {
			if logins[place] == nil || rounds%2 == 0 {
				logins[place], err = web.logIn(ctx, browser)
			} else {
				logins[place], err = web.refresh(ctx, logins[place])
			}
			if err != nil {
				return err
			}
			keys[header(logins[place]).KeyID] = true
			verified++
		}
		rounds++
	}
	fmt.Printf("go-oidc: %d ID tokens verified, signed by %d keys\n", verified, len(keys))
	if len(keys) < keysMin {
		return fmt.Errorf("fewer than %d keys", keysMin)
	}
	return nil
}

type jwsHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// header is that of an ID token which was verified.
func header(login *login) (header jwsHeader) {
	encoded, _, _ := strings.Cut(login.raw, ".")
	if decoded, err := base64.RawURLEncoding.DecodeString(encoded); err == nil {
		_ = json.Unmarshal(decoded, &header)
	}
	return header
}

var steps int

func step(format string, arguments ...any) {
	steps++
	fmt.Printf("%2d. %s\n", steps, fmt.Sprintf(format, arguments...))
}
