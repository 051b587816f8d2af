// SPDX-License-Identifier: Apache-2.0

import java.util.concurrent.Callable;

/** What the issuers in Java have in common: a token every 100 ms, as "MILLISECONDS TOKEN" or "MILLISECONDS !ERROR", until standard
 * input ends. The time is that before the token is begun. */
final class Mint {
	static final String CLAIMS = "{\"iss\":\"test\",\"sub\":\"somebody\"}";

	private Mint() {
	}

	static void run(Callable<String> issue) throws Exception {
		Thread reader = new Thread(() -> {
			try {
				System.in.readAllBytes();
			} catch (java.io.IOException error) {
				// ended as well
			}
			System.exit(0);
		});
		reader.start();
		while (true) {
			long began = System.currentTimeMillis();
			String text;
			try {
				text = issue.call();
			} catch (Exception error) {
				text = "!" + error.toString().replace('\n', ' ');
			}
			System.out.println(began + " " + text);
			Thread.sleep(Math.max(0, 100 - (System.currentTimeMillis() - began)));
		}
	}
}
