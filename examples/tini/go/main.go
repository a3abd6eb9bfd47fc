// A Tini App's back end: exchange, refresh, me, against a running sandbox. Go's own library alone.
// KIMBAI_TINI_URL is the realm's address.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

const (
	clientID     = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W"
	clientSecret = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf"
	openAPI      = "/tiniapp-open-api"
)

type tokens struct {
	AccessToken  string   `json:"access_token"`
	RefreshToken string   `json:"refresh_token"`
	ExpiresIn    int      `json:"expires_in"`
	Scopes       []string `json:"scopes"`
}

// envelope is what every REST answer comes in.
type envelope[T any] struct {
	Data  T `json:"data"`
	Error *struct {
		Code            int
		Reason, Message string
	} `json:"error"`
}

// signedFields is what the first generation signs. Go writes the members in this order, which is the sorted one; the
// timestamp is a number.
type signedFields struct {
	ClientID     string `json:"client_id"`
	Code         string `json:"code,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Timestamp    int64  `json:"timestamp"`
}

var (
	url   = "http://localhost:4601"
	steps int
)

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

// sign makes the HMAC over the base64url, without padding, of the canonical string.
func sign(canonical []byte) string {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte(base64.RawURLEncoding.EncodeToString(canonical)))
	return hex.EncodeToString(mac.Sum(nil))
}

func send(method, path string, body []byte, headers map[string]string, into any) int {
	request := must(http.NewRequest(method, url+path, bytes.NewReader(body)))
	request.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer := must(client.Do(request))
	defer answer.Body.Close()
	expect("error", json.Unmarshal(must(io.ReadAll(answer.Body)), into), nil)
	return answer.StatusCode
}

// exchange is the first generation, over GraphQL.
func exchange(code string) tokens {
	fields := signedFields{ClientID: clientID, Code: code, Timestamp: time.Now().UnixMilli()}
	signature := sign(must(json.Marshal(fields)))
	query := fmt.Sprintf("query {\n  get_auth_access_token(input: {\n    code: %q\n    client_id: %q\n    timestamp: %d\n"+
		"    signature: %q\n  }) {\n    access_token\n    refresh_token\n    expires_in\n    scopes\n  }\n}",
		code, clientID, fields.Timestamp, signature)
	var answer struct {
		Data struct {
			Tokens *tokens `json:"get_auth_access_token"`
		}
		Errors []struct{ Message string }
	}
	body := must(json.Marshal(map[string]string{"query": query}))
	expect("status", send("POST", "/tiniapp/api/graphql/query", body, nil, &answer), 200)
	expect("errors", len(answer.Errors), 0)
	return *answer.Data.Tokens
}

// signed is the fourth generation: serialised once; those bytes are signed, and those bytes are sent.
func signed[T any](path string, members map[string]string) envelope[T] {
	body := must(json.Marshal(members))
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	headers := map[string]string{
		"X-Tiniapp-Client-Id": clientID,
		"X-Tiniapp-Timestamp": timestamp,
		"X-Tiniapp-Signature": sign([]byte(timestamp + "." + clientID + "." + string(body))),
	}
	var answer envelope[T]
	expect("status", send("POST", openAPI+path, body, headers, &answer), 200)
	return answer
}

func main() {
	if set := os.Getenv("KIMBAI_TINI_URL"); set != "" {
		url = set
	}
	step("The super-app gives a code to the app: my.getAuthCode")
	wanted := map[string]any{"client_id": clientID, "user": "an", "scopes": []string{"offline", "user_profile"}}
	var minted struct{ Code string }
	expect("status", send("POST", "/sandbox/code", must(json.Marshal(wanted)), nil, &minted), 200)

	step("The back end exchanges it, here over GraphQL")
	first := exchange(minted.Code)
	expect("scopes", slices.Equal(first.Scopes, []string{"offline", "user_profile"}), true)
	fmt.Printf("    refresh token %s…\n", first.RefreshToken[:8])

	step("It refreshes, here by REST")
	old := map[string]string{"refresh_token": first.RefreshToken}
	second := signed[tokens]("/oauth/auth/token/refresh", old).Data
	expect("rotated", second.RefreshToken != first.RefreshToken, true)

	step("The same refresh again, as after a lost answer: the same token")
	again := signed[tokens]("/oauth/auth/token/refresh", old).Data
	expect("refresh_token", again.RefreshToken, second.RefreshToken)

	step("Whom does the access token speak for?")
	access := map[string]string{"access_token": second.AccessToken}
	me := signed[struct {
		CustomerID   int    `json:"customer_id"`
		CustomerName string `json:"customer_name"`
	}]("/oauth/me", access).Data
	expect("customer_id", me.CustomerID, 1)
	fmt.Printf("    %s\n", me.CustomerName)

	step("The access token opens the Open API")
	var profile envelope[map[string]any]
	bearer := map[string]string{"Authorization": "Bearer " + second.AccessToken}
	expect("status", send("GET", "/ecom/v1/customers/profile", nil, bearer, &profile), 200)

	step("Without a signature nothing is said")
	var refused envelope[any]
	expect("status", send("POST", openAPI+"/oauth/me", must(json.Marshal(access)), nil, &refused), 400)
	expect("reason", refused.Error.Reason, "invalid_signature")

	fmt.Println("All as documented.")
}
