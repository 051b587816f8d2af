// SPDX-License-Identifier: Apache-2.0
// panva's jose, with the first key that has the alg: its createRemoteJWKSet is for signatures, so the set is fetched and kept here.
import * as jose from 'jose'
import { alg, claims, enc, run, url } from './mint.mjs'

let key, until = 0

async function kept() {
  if (performance.now() >= until) {
    const asked = performance.now()
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
    key = (await answer.json()).keys.find((one) => one.alg === alg)
    until = asked + 1000 * Number(/max-age=(\d+)/.exec(answer.headers.get('cache-control') ?? '')?.[1] ?? 0)
  }
  return key
}

await run(async () => {
  const jwk = await kept()
  return new jose.EncryptJWT(claims).setProtectedHeader({ alg, enc, kid: jwk.kid }).encrypt(await jose.importJWK(jwk, alg))
})
