// SPDX-License-Identifier: Apache-2.0

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWEHeader;
import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.RSAEncrypter;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.SecurityContext;
import java.net.URL;

/** nimbus-jose-jwt with its source of keys, which keeps a set for five minutes unless told otherwise; the first that matches. */
final class Nimbus {
	public static void main(String[] args) throws Exception {
		JWEAlgorithm alg = JWEAlgorithm.parse(args[1]);
		EncryptionMethod enc = EncryptionMethod.parse(args[2]);
		long keep = Long.parseLong(args[3]) * 1000;
		JWKSource<SecurityContext> source = JWKSourceBuilder.create(new URL(args[0])).cache(keep, keep / 2)
			.refreshAheadCache(false).rateLimited(false).build();
		JWKSelector selector = new JWKSelector(new JWKMatcher.Builder().algorithm(alg).build());
		Mint.run(() -> {
			JWK key = source.get(selector, null).get(0);
			JWEObject token = new JWEObject(new JWEHeader.Builder(alg, enc).keyID(key.getKeyID()).build(), new Payload(Mint.CLAIMS));
			token.encrypt(new RSAEncrypter(key.toRSAKey()));
			return token.serialize();
		});
	}
}
