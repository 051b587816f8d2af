// SPDX-License-Identifier: Apache-2.0
// For "node --import": a clock that runs CLOCK times as fast, since oidc-provider keeps a set for 60 s at the least.
const times = Number(process.env.CLOCK ?? 1)
globalThis.realNow = Date.now.bind(Date)
const from = globalThis.realNow()
Date.now = () => from + Math.round((globalThis.realNow() - from) * times)
