// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtException;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/** Spring's resource side with the decoder that spring.security.oauth2.resourceserver.jwt makes: Resource JWK-SET-URI ALG ISSUER.
 * Of each line of standard input it says "+SUBJECT", or "-WHY". */
final class Resource {
	public static void main(String[] args) throws Exception {
		NimbusJwtDecoder decoder = NimbusJwtDecoder.withJwkSetUri(args[0]).jwsAlgorithm(SignatureAlgorithm.from(args[1])).build();
		decoder.setJwtValidator(JwtValidators.createDefaultWithIssuer(args[2]));
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			try {
				Jwt token = decoder.decode(line);
				System.out.println("+" + token.getSubject());
			} catch (JwtException error) {
				System.out.println("-" + error.getMessage().replace('\n', ' '));
			}
		}
	}
}
