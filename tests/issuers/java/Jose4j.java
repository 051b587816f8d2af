// SPDX-License-Identifier: Apache-2.0

import org.jose4j.jwe.JsonWebEncryption;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jwk.JsonWebKey;

/** jose4j with its HttpsJwks, which keeps a set as long as Cache-Control says; the first key that has the alg. */
final class Jose4j {
	public static void main(String[] args) throws Exception {
		HttpsJwks set = new HttpsJwks(args[0]);
		Mint.run(() -> {
			JsonWebKey key = set.getJsonWebKeys().stream().filter(one -> args[1].equals(one.getAlgorithm())).findFirst().get();
			JsonWebEncryption token = new JsonWebEncryption();
			token.setAlgorithmHeaderValue(args[1]);
			token.setEncryptionMethodHeaderParameter(args[2]);
			token.setKeyIdHeaderValue(key.getKeyId());
			token.setKey(key.getKey());
			token.setPayload(Mint.CLAIMS);
			return token.getCompactSerialization();
		});
	}
}
