// An app changes the token that it has of a shop into a pair of new ones, against a running sandbox. Go's own library
// alone. KIMBAI_HARAVAN_URL is the accounts server's address.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	clientID     = "00112233445566778899aabbccddeeff"
	clientSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

var (
	server = "http://localhost:4604"
	scopes = []string{
		"openid", "profile", "email", "org", "userinfo", "grant_service", // mandatory
		"offline_access",
	}
	hex64 = regexp.MustCompile("^[0-9a-f]{64}$")
	steps int
)

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	CreatedTime  int64  `json:"created_time"`
	// Some 68 years: added to today it does not fit into 32 bits.
	ExpiresIn int64  `json:"expires_in"`
	TokenType string `json:"token_type"`
}

type shopAnswer struct {
	Shop struct{ Name, Domain string }
}

func step(text string) {
	steps++
	fmt.Printf("%2d. %s\n", steps, text)
}

func expect(what string, found, wanted any) {
	if found != wanted {
		fmt.Fprintf(os.Stderr, "FAILED in step %d: %s is %v, not %v\n", steps, what, found, wanted)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	expect("error", err, nil)
	return value
}

func send(method, path string, body []byte, headers map[string]string, into any) int {
	request := must(http.NewRequest(method, server+path, bytes.NewReader(body)))
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer := must(client.Do(request))
	defer answer.Body.Close()
	expect("error", json.Unmarshal(must(io.ReadAll(answer.Body)), into), nil)
	return answer.StatusCode
}

// exchange is on the platform a POST to https://{shop}.myharavan.com; the sandbox takes the shop's label from a header, too.
func exchange(legacyToken, secretName string, into any) int {
	body := must(json.Marshal(map[string]any{
		"token_exchange": map[string]any{"client_id": clientID, secretName: clientSecret, "scopes": scopes},
	}))
	return send("POST", "/admin/token_exchange.json", body, map[string]string{
		"Authorization": "Bearer " + legacyToken,
		"Content-Type":  "application/json",
		"X-Kimbai-Shop": "demo-shop",
	}, into)
}

func refresh(token string) tokens {
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token},
		"client_id": {clientID}, "client_secret": {clientSecret},
	}
	headers := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	var answer tokens
	expect("status", send("POST", "/connect/token", []byte(form.Encode()), headers, &answer), 200)
	return answer
}

func shop(token string) shopAnswer {
	var answer shopAnswer
	bearer := map[string]string{"Authorization": "Bearer " + token}
	expect("status", send("GET", "/com/shop.json", nil, bearer, &answer), 200)
	return answer
}

func main() {
	if set := os.Getenv("KIMBAI_HARAVAN_URL"); set != "" {
		server = set
	}
	// What the app has had of this shop for years.
	legacyToken := strings.TrimSpace(string(must(os.ReadFile("../legacy-token"))))

	step(fmt.Sprintf("The app has a token of the shop, %d characters long, and it works", len(legacyToken)))
	fmt.Printf("    %s\n", shop(legacyToken).Shop.Name)

	step("It is exchanged at the address of the shop")
	var exchanged, again struct{ Token tokens }
	expect("status", exchange(legacyToken, "secret_key", &exchanged), 200)
	first := exchanged.Token
	expect("token_type", first.TokenType, "Bearer")
	expect("expires_in", first.ExpiresIn, int64(1<<31-1))
	expect("64 hex digits", hex64.MatchString(first.AccessToken) && hex64.MatchString(first.RefreshToken), true)
	fmt.Printf("    access token %s…, refresh token %s…\n", first.AccessToken[:8], first.RefreshToken[:8])

	step("The same exchange again, as after a lost answer: the same pair")
	expect("status", exchange(legacyToken, "secret_key", &again), 200)
	expect("pair", again.Token, first)

	step("The new token opens the API")
	opened := shop(first.AccessToken).Shop
	fmt.Printf("    %s, %s\n", opened.Name, opened.Domain)

	step("It is refreshed at the accounts server")
	second := refresh(first.RefreshToken)
	expect("64 hex digits", hex64.MatchString(second.RefreshToken), true)
	expect("rotated", second.RefreshToken != first.RefreshToken, true)

	step("The same refresh again, as after a lost answer: the same refresh token")
	expect("refresh_token", refresh(first.RefreshToken).RefreshToken, second.RefreshToken)

	step("The old token still works: the app can move shop by shop")
	shop(legacyToken)
	shop(second.AccessToken)

	step("With client_secret for secret_key nothing is exchanged")
	var refused struct{ Error string }
	expect("status", exchange(legacyToken, "client_secret", &refused), 422)
	expect("error", refused.Error, "Unprocessable Entity")

	fmt.Println("All as documented.")
}
