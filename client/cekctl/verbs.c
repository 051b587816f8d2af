/* The table of verbs: a row here, a file of that name, a paragraph in cekctl(1). */
#include <stddef.h>

#include "client/cekctl/verb.h"

static const struct verb verbs[] = {
	{"status", "[--ready]", "show token, workers, journal, sandbox and algorithms", verb_status, true},
	{"token init", "--module PATH --label LABEL --pin-file FILE [--so-pin-file FILE] [--softhsm-dir DIR] [--user USER]",
	 "initialise a token with random PINs", verb_token_init, true},
	{"key create", "NAME --alg ALG [--size BITS | --curve CRV] [--max-uses N]", "generate a key in the token",
	 verb_key_create, true},
	{"key import", "NAME --alg ALG --jwk FILE [--kid KID]", "bring a private key (JWK or PEM) into the token",
	 verb_key_import, true},
	{"key adopt", "NAME --alg ALG {--id HEX | --label LABEL} [--kid KID] [--insist]",
	 "take over an object that a key ceremony made", verb_key_adopt, true},
	{"key list", "", "list keys and versions", verb_key_list, true},
	{"key show", "{NAME | --kid KID}", "show a key: versions, times, and who still uses which version", verb_key_show,
	 true},
	{"key rotate", "NAME [--plan] [--active-kid KID]", "make a new version and activate it", verb_key_rotate, true},
	{"key suspend", "KID [--for DURATION | --until TIME] [--reason TEXT]", "take a version out of use for a while",
	 verb_key_suspend, true},
	{"key resume", "KID [--reason TEXT]", "put a suspended version back into use", verb_key_resume, true},
	{"key compromise", "KID [--rotate] [--reason TEXT]", "declare a version compromised, at once and for good",
	 verb_key_compromise, true},
	{"key destroy", "KID [--wait DURATION] [--force] [--reason TEXT]", "schedule the destruction of a version",
	 verb_key_destroy, true},
	{"key keep", "KID [--reason TEXT]", "take a scheduled destruction back", verb_key_keep, true},
	{"key schedule", "NAME [--period D] [--lead D] [--overlap D] [--token-lifetime D] [--jwks-max-age D] [--max-uses N]",
	 "show or set when a key rotates by itself", verb_key_schedule, true},
	{"jwks", "[NAME…] [--all]", "print public keys as a JWKS", verb_jwks, true},
	{"wrap", "--key NAME --enc ENC [--generate]", "wrap the CEK on standard input", verb_wrap, true},
	{"unwrap",
	 "{--key NAME | --kid KID} --alg ALG --enc ENC [--iv B64] [--tag B64] [--epk JSON] [--apu B64] [--apv B64]",
	 "unwrap the encrypted key on standard input", verb_unwrap, true},
	{"rewrap", "--key NAME", "bring wrapped CEKs, one a line, under the active version", verb_rewrap, true},
	{"jwe encrypt", "--key NAME --enc ENC [--cty CTY]", "make a compact JWE of standard input", verb_jwe_encrypt, false},
	{"jwe decrypt", "[--key NAME] [--alg ALG]… [--enc ENC]…", "open the compact JWE on standard input",
	 verb_jwe_decrypt, false},
	{"audit verify", "FILE [--expect SEQ:HASH]", "check the hash chain of a journal", verb_audit_verify, true},
	{"fsck", "", "compare journal and token", verb_fsck, true},
	{"restore show", "", "show whether the key journal was restored, and what it knows", verb_restore_show, true},
	{"restore confirm", "[--head SEQ:HASH] [--reason TEXT] [--yes]", "go on with a restored key journal",
	 verb_restore_confirm, true},
	{"watch", "[--count N]", "print each new epoch of the ring", verb_watch, true},
	{"metrics", "", "print the metrics as OpenMetrics text", verb_metrics, false},
};

const struct verb *verb_row(size_t i)
{
	return i < sizeof(verbs) / sizeof(verbs[0]) ? &verbs[i] : NULL;
}
