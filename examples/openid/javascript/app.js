// A web app that logs people in with openid-client. It knows the issuer, its clients and their secrets; everything else
// is in the issuer's discovery document.

import * as client from 'openid-client'

const SCOPE = 'openid profile email offline_access'
const REDIRECT_URI = 'http://localhost:8080/callback'
const HOME = 'http://localhost:8080/'

/** What one client does with one issuer. ID tokens are to be signed as `metadata` says, and not otherwise. */
export class App {
  #config

  static async discover(issuer, clientId, clientSecret, metadata) {
    const app = new App()
    // Plain http, because the sandbox is on this machine. The checks are not the library's default: over TLS it takes an
    // ID token from the token endpoint as it comes.
    app.#config = await client.discovery(new URL(issuer), clientId, metadata, client.ClientSecretBasic(clientSecret), {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    })
    return app
  }

  /** Sends a browser to the issuer, and redeems the code that it comes back with. The ID token is verified. */
  async logIn(browser) {
    const verifier = client.randomPKCECodeVerifier()
    const [state, nonce] = [client.randomState(), client.randomNonce()]
    const answer = await browser.follow(await this.#request({ state, nonce }, verifier), REDIRECT_URI)
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
    return client.authorizationCodeGrant(this.#config, answer, checks)
  }

  /** Whether a browser has a session with the issuer, which shows no page for this. */
  async isLoggedIn(browser) {
    const [state, verifier] = [client.randomState(), client.randomPKCECodeVerifier()]
    const answer = await browser.follow(await this.#request({ state, prompt: 'none' }, verifier), REDIRECT_URI)
    try {
      await client.authorizationCodeGrant(this.#config, answer, { pkceCodeVerifier: verifier, expectedState: state })
      return true
    } catch (error) {
      if (error instanceof client.AuthorizationResponseError && error.error === 'login_required') return false
      throw error
    }
  }

  /** Redeems a refresh token. The new ID token is verified. */
  refresh(tokens) {
    return client.refreshTokenGrant(this.#config, tokens.refresh_token)
  }

  userinfo(tokens) {
    return client.fetchUserInfo(this.#config, tokens.access_token, tokens.claims().sub)
  }

  /** Ends a browser's session with the issuer: the address it comes back to, and the state it was sent with. */
  async logOut(browser, tokens) {
    const state = client.randomState()
    const parameters = { id_token_hint: tokens.id_token, post_logout_redirect_uri: HOME, state }
    return { state, back: await browser.follow(client.buildEndSessionUrl(this.#config, parameters), HOME) }
  }

  async #request(parameters, verifier) {
    return client.buildAuthorizationUrl(this.#config, {
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...parameters,
    })
  }
}
