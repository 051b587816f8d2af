// npm's "jose" as the other side. Standard input: one JSON array of {do: "encrypt"|"decrypt"|"sign"|"verify", jwk, alg, enc,
// text|token}, or {do: "generate", alg}; standard output: one JSON array of what came out, null for a signature that was
// refused.
import { readFileSync } from 'node:fs'
import * as jose from 'jose'

const results = []
for (const task of JSON.parse(readFileSync(0, 'utf8'))) {
  if (task.do === 'generate') {
    const { privateKey } = await jose.generateKeyPair(task.alg, { extractable: true })
    results.push(await jose.exportJWK(privateKey))
    continue
  }
  const key = await jose.importJWK(task.jwk, task.alg)
  if (task.do === 'encrypt') {
    const { d, p, q, dp, dq, qi, ...open } = task.jwk
    const to = task.jwk.kty === 'oct' ? key : await jose.importJWK(open, task.alg)
    results.push(await new jose.CompactEncrypt(new TextEncoder().encode(task.text))
      .setProtectedHeader({ alg: task.alg, enc: task.enc, cty: 'JWT' }).encrypt(to))
  } else if (task.do === 'sign') {
    results.push(await new jose.CompactSign(new TextEncoder().encode(task.text))
      .setProtectedHeader({ alg: task.alg, typ: 'JWT' }).sign(key))
  } else if (task.do === 'verify') {
    const verified = jose.compactVerify(task.token, key, { algorithms: [task.alg] })
    results.push(await verified.then(({ payload }) => new TextDecoder().decode(payload), () => null))
  } else {
    const opened = await jose.compactDecrypt(task.token, key, {
      keyManagementAlgorithms: [task.alg], contentEncryptionAlgorithms: [task.enc],
    })
    results.push(new TextDecoder().decode(opened.plaintext))
  }
}
console.log(JSON.stringify(results))
