// A single-page app that logs people in with oidc-client-ts. It knows the issuer and its client_id; everything else is in
// the issuer's discovery document. Each of its pages is this one.

import { createRemoteJWKSet, jwtVerify } from 'jose'
import { UserManager, WebStorageStateStore } from 'oidc-client-ts'

const CLIENT_ID = 'demo-spa'
const CALLBACK = '/callback'
const issuer = localStorage.getItem('issuer') ?? 'http://localhost:4600'
const who = document.querySelector('#who')

const manager = new UserManager({
  authority: issuer,
  client_id: CLIENT_ID,
  redirect_uri: location.origin + CALLBACK,
  silent_redirect_uri: location.origin + CALLBACK,
  post_logout_redirect_uri: `${location.origin}/`,
  loadUserInfo: true,
  // All tabs have the same user, and the same refresh token. They renew ten seconds after they got them: at once.
  userStore: new WebStorageStateStore({ store: localStorage }),
  accessTokenExpiringNotificationTimeInSeconds: 3590,
  automaticSilentRenew: true,
})

// oidc-client-ts reads ID tokens and leaves their signatures to TLS. This app verifies them.
const keys = manager.metadataService.getMetadata().then(({ jwks_uri }) => createRemoteJWKSet(new URL(jwks_uri)))

/** What the tests look at: what was verified in this tab. */
const seen = { verified: 0, keys: [], algorithms: [], problems: [] }
window.app = { manager, seen }

document.querySelector('#log-in').onclick = () => manager.signinRedirect({ scope: 'openid profile' })
document.querySelector('#log-in-offline').onclick = () =>
  manager.signinRedirect({ scope: 'openid profile offline_access' })
document.querySelector('#log-out').onclick = () => manager.signoutRedirect()
manager.events.addUserLoaded((user) => {
  verify(user).then(() => show(user), problem)
})
manager.events.addSilentRenewError(problem)

start().catch(problem)

async function start() {
  if (location.pathname === CALLBACK) {
    // In the frame of a silent renewal this tells the page around it, and nothing comes back.
    await manager.signinCallback()
    if (window.parent !== window) return
    history.replaceState(null, '', '/')
  } else if (new URLSearchParams(location.search).has('state')) {
    await manager.signoutCallback()
    history.replaceState(null, '', '/')
  }
  show(await manager.getUser())
}

async function verify(user) {
  const checks = { issuer, audience: CLIENT_ID }
  const { protectedHeader } = await jwtVerify(user.id_token, await keys, checks)
  seen.verified += 1
  if (!seen.keys.includes(protectedHeader.kid)) seen.keys.push(protectedHeader.kid)
  if (!seen.algorithms.includes(protectedHeader.alg)) seen.algorithms.push(protectedHeader.alg)
}

function show(user) {
  who.textContent = user ? `Hello, ${user.profile.name}` : 'Nobody is logged in'
}

function problem(error) {
  seen.problems.push(String(error))
  who.textContent = String(error)
}
