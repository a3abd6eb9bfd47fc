// A TCONNECT partner: log in, call, refresh, refresh again, against a running sandbox. Go's own library alone.
// KIMBAI_TCONNECT_URL is the realm's address.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	partnerCode = "DEMO"
	// 32 bytes. The digits are not the key: they spell it.
	keyDigits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

var logIn = map[string]string{
	"username":      "demo@yourdomain.vn",
	"password":      "Password#123",
	"client_id":     "fMLgZltRRtetnsOHXgxsHQ",
	"client_secret": "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd",
}

type tokens struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int    `json:"expires_in"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int    `json:"refresh_expires_in"`
	TokenType        string `json:"token_type"`
}

var (
	url   = "http://localhost:4603"
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

// seal makes a fresh IV, then the cipher text, in hex digits. Go leaves the padding (PKCS#7) to its caller.
func seal(payload []byte) string {
	block := must(aes.NewCipher(must(hex.DecodeString(keyDigits))))
	padding := aes.BlockSize - len(payload)%aes.BlockSize
	padded := append(payload, bytes.Repeat([]byte{byte(padding)}, padding)...)
	sealed := make([]byte, aes.BlockSize+len(padded))
	iv := sealed[:aes.BlockSize]
	must(rand.Read(iv))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed[aes.BlockSize:], padded)
	return hex.EncodeToString(sealed)
}

func post(path string, payload map[string]string, accessToken string, into any) int {
	envelope := map[string]string{"data": seal(must(json.Marshal(payload)))}
	request := must(http.NewRequest("POST", url+"/openapi/v1"+path, bytes.NewReader(must(json.Marshal(envelope)))))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Partner-Code", partnerCode)
	if accessToken != "" {
		request.Header.Set("Authorization", "Bearer "+accessToken)
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer := must(client.Do(request))
	defer answer.Body.Close()
	expect("error", json.Unmarshal(must(io.ReadAll(answer.Body)), into), nil)
	return answer.StatusCode
}

func jti(token string) string {
	var claims struct{ Jti string }
	payload := must(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]))
	expect("error", json.Unmarshal(payload, &claims), nil)
	return claims.Jti
}

func main() {
	if set := os.Getenv("KIMBAI_TCONNECT_URL"); set != "" {
		url = set
	}
	step("The partner logs in: a user and a client at once, in one envelope")
	var first, second, again tokens
	expect("status", post("/auth/login", logIn, "", &first), 200)
	expect("token_type", first.TokenType, "Bearer")
	fmt.Printf("    good for %d s, to be refreshed within %d s\n", first.ExpiresIn, first.RefreshExpiresIn)

	step("The access token opens the API, beside the partner it was issued to")
	var answer struct {
		PartnerCode string `json:"partner_code"`
		Username    string
	}
	expect("status", post("/qr", map[string]string{"order_id": "1"}, first.AccessToken, &answer), 200)
	fmt.Printf("    %s, %s\n", answer.PartnerCode, answer.Username)

	step("It refreshes, and has a new pair")
	refresh := map[string]string{"refresh_token": first.RefreshToken}
	expect("status", post("/auth/refresh", refresh, "", &second), 200)
	expect("rotated", second.RefreshToken != first.RefreshToken, true)

	step("The same refresh again, as after a lost answer: the same pair")
	expect("status", post("/auth/refresh", refresh, "", &again), 200)
	expect("refresh_token", again.RefreshToken, second.RefreshToken)
	expect("jti", jti(again.AccessToken), jti(second.AccessToken))

	step("The new access token opens the API")
	expect("status", post("/qr", map[string]string{"order_id": "2"}, second.AccessToken, &answer), 200)

	step("A refresh token is no access token, and nobody is told what was wrong")
	var refused any
	expect("status", post("/qr", map[string]string{"order_id": "3"}, second.RefreshToken, &refused), 401)

	fmt.Println("All as documented.")
}
