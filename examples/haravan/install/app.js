// A web app that shops install, with openid-client. It asks twice: first only who somebody is; then, if that is an
// admin of the shop, for what the app needs of it. A handler takes a Request and gives a Response; server.js listens.

import { randomBytes } from 'node:crypto'
import * as client from 'openid-client'
import { verifyLaunch, verifyWebhook } from './signatures.js'

const LOGIN = {
  path: '/install/login',
  scope: 'openid profile email org userinfo',
}
const INSTALL = {
  path: '/install/grandservice',
  scope: `${LOGIN.scope} grant_service offline_access wh_api com.write_products`,
}
const BROWSERS_MAX = 10_000 // more are not remembered; the oldest is forgotten

export class InstallApp {
  #config
  #secret
  #home
  /** What a browser was sent to ask for, by its cookie. */
  #asked = new Map()
  /** Who is at a browser, by its cookie. */
  #people = new Map()
  /** The tokens of the shops that installed the app, by `orgid`. A real app stores them, sealed. */
  #shops = new Map()

  static async discover({ issuer, clientId, clientSecret, home }) {
    const app = new InstallApp()
    app.#secret = clientSecret
    app.#home = home
    // Plain http, because the sandbox is on this machine. The ID token that comes through the browser is verified, and
    // its c_hash ties the code to it.
    app.#config = await client.discovery(new URL(issuer), clientId, {}, client.ClientSecretPost(clientSecret), {
      execute: [client.allowInsecureRequests, client.useCodeIdTokenResponseType],
    })
    return app
  }

  /** Answers a request. Its URL is that by which browsers know the app. */
  async handle(request) {
    const url = new URL(request.url)
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
        return this.#open(request, url)
      case 'GET /install':
        return this.#ask(LOGIN, url.searchParams.get('orgid'))
      case `POST ${LOGIN.path}`:
        return this.#answer(request, LOGIN, (tokens) => this.#loggedIn(tokens))
      case `POST ${INSTALL.path}`:
        return this.#answer(request, INSTALL, (tokens) => this.#installed(tokens))
      case 'GET /shop':
        return this.#shop(request)
      case 'POST /webhook':
        return this.#webhook(request)
      default:
        return page(404, 'Nothing here.')
    }
  }

  /** Redeems the refresh token of a shop. Two at once, or a retry after a lost answer, get the same one. */
  async refresh(orgid) {
    const tokens = await client.refreshTokenGrant(this.#config, this.#shops.get(orgid).refresh_token)
    this.#shops.set(orgid, tokens)
    return tokens
  }

  /** The `orgid` of each shop that installed the app. */
  installed() {
    return [...this.#shops.keys()]
  }

  tokensOf(orgid) {
    return this.#shops.get(orgid)
  }

  /** Sends a browser to the accounts server; `orgid` spares somebody with several shops the question which. */
  #ask(step, orgid) {
    const asked = { step, state: client.randomState(), nonce: client.randomNonce() }
    const parameters = {
      redirect_uri: this.#home + step.path,
      scope: step.scope,
      response_mode: 'form_post',
      state: asked.state,
      nonce: asked.nonce,
    }
    const to = client.buildAuthorizationUrl(this.#config, orgid ? { ...parameters, orgid } : parameters)
    const response = redirect(to.href)
    response.headers.append('set-cookie', this.#cookie('asked', remember(this.#asked, asked)))
    return response
  }

  /** Takes what the accounts server has the browser post. */
  async #answer(request, step, then) {
    const id = cookies(request).get('asked')
    const asked = this.#asked.get(id)
    // Once: a reload of the page posts a code again that is spent.
    this.#asked.delete(id)
    if (asked?.step !== step) return page(400, 'This was sent before. <a href="/install">Start again.</a>')
    try {
      const checks = { expectedState: asked.state, expectedNonce: asked.nonce }
      return await then(await client.authorizationCodeGrant(this.#config, request, checks))
    } catch (error) {
      if (error instanceof client.AuthorizationResponseError) return page(403, `Not installed: ${escaped(error.error)}.`)
      throw error
    }
  }

  /** The first step. Not everybody has a shop, a mail address, or a role; `role` may be one string. */
  #loggedIn(tokens) {
    const { orgid, orgname = orgid, role = [] } = tokens.claims()
    if (!orgid) return page(403, 'You have no shop.')
    if (![role].flat().includes('admin')) return page(403, `Only an admin of ${escaped(orgname)} can install this app.`)
    return this.#ask(INSTALL, orgid)
  }

  /** The second. `expires_in` is 68 years: no signed 32-bit number holds when that is. */
  #installed(tokens) {
    const { orgid } = tokens.claims()
    this.#shops.set(orgid, tokens)
    return this.#welcome(orgid)
  }

  /** The front page, or somebody whom the shop's admin page sends: signed, so that there is nothing to ask. */
  #open(request, url) {
    if (!url.searchParams.has('hmac')) return page(200, '<a href="/install">Install</a>')
    const launch = verifyLaunch(url.search, this.#secret)
    if (!launch) return page(403, 'This link is not from the shop, or too old.')
    const orgid = launch.get('orgid')
    return this.#shops.has(orgid) ? this.#welcome(orgid) : this.#ask(LOGIN, orgid)
  }

  async #shop(request) {
    const orgid = this.#people.get(cookies(request).get('person'))
    const tokens = this.#shops.get(orgid)
    if (!tokens) return redirect('/')
    const api = new URL('/com/shop.json', this.#config.serverMetadata().issuer)
    const response = await fetch(api, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    if (!response.ok) return page(502, `The API said ${response.status}.`)
    const { shop } = await response.json()
    return page(200, `The app works for ${escaped(shop.name)}.`)
  }

  async #webhook(request) {
    const body = Buffer.from(await request.arrayBuffer())
    const isGenuine = verifyWebhook(body, request.headers.get('x-haravan-hmacsha256'), this.#secret)
    return new Response(null, { status: isGenuine ? 200 : 401 })
  }

  #welcome(orgid) {
    const response = redirect('/shop')
    response.headers.append('set-cookie', this.#cookie('person', remember(this.#people, orgid)))
    return response
  }

  // A form that the accounts server's page posts brings no Lax cookie: it comes from another site. On this machine both
  // are the site localhost, and None would need https.
  #cookie(name, value) {
    const isSecure = this.#home.startsWith('https:')
    return `${name}=${value}; Path=/; HttpOnly; ${isSecure ? 'SameSite=None; Secure' : 'SameSite=Lax'}`
  }
}

/** Keeps a value under a new name that nobody guesses. */
function remember(values, value) {
  const id = randomBytes(24).toString('base64url')
  values.set(id, value)
  if (values.size > BROWSERS_MAX) values.delete(values.keys().next().value)
  return id
}

function cookies(request) {
  const pairs = (request.headers.get('cookie') ?? '').split('; ').map((pair) => pair.split(/=(.*)/s))
  return new Map(pairs)
}

function redirect(location) {
  return new Response(null, { status: 303, headers: { location } })
}

function page(status, html) {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  return new Response(`<!doctype html><title>Demo app</title><p>${html}</p>`, { status, headers })
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}
