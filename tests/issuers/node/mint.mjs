// SPDX-License-Identifier: Apache-2.0
// What the issuers in JavaScript have in common: a token every 100 ms, as "MILLISECONDS TOKEN" or "MILLISECONDS !ERROR", until
// standard input ends. The time is that before the token is begun.
export const [url, alg, enc] = process.argv.slice(2)
export const claims = { iss: 'test', sub: 'somebody' }
const now = globalThis.realNow ?? Date.now

export async function run(mint) {
  let end = false
  process.stdin.on('end', () => { end = true }).resume()
  while (!end) {
    const began = now()
    let text
    try {
      text = await mint()
    } catch (error) {
      text = `!${error}`.replace(/\s+/g, ' ')
    }
    process.stdout.write(`${began} ${text}\n`)
    await new Promise((next) => { setTimeout(next, Math.max(0, 100 - (now() - began))) })
  }
  process.exit(0)
}
