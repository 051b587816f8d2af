// SPDX-License-Identifier: Apache-2.0

// go-jose, with the first key that has the alg. It reads sets and does not fetch them: that and max-age are done here.
package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cekd.test/issuers/mint"
)

var maxAge = regexp.MustCompile(`max-age=(\d+)`)

var (
	kept  *jose.JSONWebKey
	until time.Time
)

func key(url, alg string) (*jose.JSONWebKey, error) {
	if time.Now().Before(until) {
		return kept, nil
	}
	asked := time.Now()
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	kept = nil
	for i := range set.Keys {
		if set.Keys[i].Algorithm == alg && kept == nil {
			kept = &set.Keys[i]
		}
	}
	if kept == nil {
		return nil, errors.New("no key of the set has the alg")
	}
	if found := maxAge.FindStringSubmatch(answer.Header.Get("Cache-Control")); found != nil {
		seconds, _ := strconv.Atoi(found[1])
		until = asked.Add(time.Duration(seconds) * time.Second)
	}
	return kept, nil
}

func main() {
	url, alg, enc := os.Args[1], os.Args[2], os.Args[3]
	mint.Run(func() (string, error) {
		jwk, err := key(url, alg)
		if err != nil {
			return "", err
		}
		to := jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: jwk}
		encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), to, nil)
		if err != nil {
			return "", err
		}
		token, err := encrypter.Encrypt(mint.Claims)
		if err != nil {
			return "", err
		}
		return token.CompactSerialize()
	})
}
