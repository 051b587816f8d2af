// SPDX-License-Identifier: Apache-2.0

// jwx with its cache, which fetches in the background. It waits 15 minutes and more between two fetches unless told otherwise.
package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"cekd.test/issuers/mint"
)

func main() {
	url, alg, enc := os.Args[1], os.Args[2], os.Args[3]
	seconds, err := strconv.Atoi(os.Args[4])
	if err != nil {
		panic(err)
	}
	keep := time.Duration(seconds) * time.Second
	ctx := context.Background()
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		panic(err)
	}
	if err := cache.Register(ctx, url, jwk.WithMinInterval(keep), jwk.WithMaxInterval(keep)); err != nil {
		panic(err)
	}
	content, ok := jwa.LookupContentEncryptionAlgorithm(enc)
	if !ok {
		panic(enc)
	}
	mint.Run(func() (string, error) {
		set, err := cache.Lookup(ctx, url)
		if err != nil {
			return "", err
		}
		for i := range set.Len() {
			key, _ := set.Key(i)
			if its, ok := key.Algorithm(); ok && its.String() == alg {
				token, err := jwe.Encrypt(mint.Claims, jwe.WithKey(its, key), jwe.WithContentEncryption(content))
				return string(token), err
			}
		}
		return "", errors.New("no key of the set has the alg")
	})
}
