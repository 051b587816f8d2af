// SPDX-License-Identifier: Apache-2.0
// oidc-provider: an encrypted ID token from its token endpoint, by a refresh token, for a client whose metadata have a jwks_uri.
import { Provider } from 'oidc-provider'
import { alg, enc, run, url } from './mint.mjs'

console.warn = console.info = () => {} // what it says of settings for development
const provider = new Provider('http://localhost', {
  clients: [{
    client_id: 'api', client_secret: 'secret', token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['https://api.example/'],
    jwks_uri: url, id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc,
  }],
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: false,
  features: { encryption: { enabled: true }, devInteractions: { enabled: false } },
  enabledJWA: { idTokenEncryptionAlgValues: [alg], idTokenEncryptionEncValues: [enc] },
  // Its own refuses addresses of this machine, where the set is.
  fetch: (resource, { dispatcher, ...options }) => globalThis.fetch(resource, options),
  ttl: { RefreshToken: 1e9, Grant: 1e9 },
})
const grant = new provider.Grant({ accountId: 'somebody', clientId: 'api' })
grant.addOIDCScope('openid offline_access')
const grantId = await grant.save()
const client = await provider.Client.find('api')
const refresh = new provider.RefreshToken({
  accountId: 'somebody', client, grantId, gty: 'authorization_code', scope: 'openid offline_access', authTime: 1,
})
const body = new URLSearchParams({
  grant_type: 'refresh_token', client_id: 'api', client_secret: 'secret', refresh_token: await refresh.save(),
})
const server = provider.listen(0, '127.0.0.1')
await new Promise((ready) => { server.on('listening', ready) })
const endpoint = `http://127.0.0.1:${server.address().port}/token`

await run(async () => {
  const answer = await fetch(endpoint, { method: 'POST', body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${text}`)
  return JSON.parse(text).id_token
})
