// SPDX-License-Identifier: Apache-2.0

// Package mint is what the issuers in Go have in common: a token every 100 ms, as "MILLISECONDS TOKEN" or "MILLISECONDS !ERROR",
// until standard input ends. The time is that before the token is begun.
package mint

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Claims is what the tokens hold.
var Claims = []byte(`{"iss":"test","sub":"somebody"}`)

// Run calls issue until standard input ends.
func Run(issue func() (string, error)) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for next := time.Now(); ; next = next.Add(100 * time.Millisecond) {
		time.Sleep(time.Until(next))
		began := time.Now()
		if next.Before(began.Add(-time.Second)) {
			next = began
		}
		text, err := issue()
		if err != nil {
			text = "!" + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(began.UnixMilli(), text)
	}
}
