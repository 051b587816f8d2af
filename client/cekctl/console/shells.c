/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts know nothing of verbs and options: "cekctl completion words" does, and prints in its first line "words",
 * "files" or "dirs", then a word a line, a tab and a few words about it. */
#include "client/cekctl/console/shells.h"

#include <stddef.h>
#include <string.h>

/* bash takes words apart at "=" and ":" (COMP_WORDBREAKS): they are put together again, and what stands before the last
 * of these is left out of the answer. */
static const char bash[] =
	"# bash completion for cekctl: source <(cekctl completion bash)\n"
	"_cekctl() {\n"
	"	local i word line quoted cut words=() lines=()\n"
	"	for ((i = 1; i <= COMP_CWORD; i++)); do\n"
	"		word=${COMP_WORDS[i]}\n"
	"		if ((i > 1)) && [[ $word == [=:]* || ${COMP_WORDS[i - 1]} == *[=:] ]]; then\n"
	"			words[${#words[@]} - 1]+=$word\n"
	"		else\n"
	"			words+=(\"$word\")\n"
	"		fi\n"
	"	done\n"
	"	COMPREPLY=()\n"
	"	mapfile -t lines < <(\"${COMP_WORDS[0]}\" completion words -- \"${words[@]}\" 2>/dev/null)\n"
	"	case ${lines[0]-} in\n"
	"	files) compopt -o default; return ;;\n"
	"	dirs) compopt -o dirnames; return ;;\n"
	"	esac\n"
	"	word=${words[${#words[@]} - 1]}\n"
	"	cut=\n"
	"	[[ $word == *[=:]* ]] && [[ $COMP_WORDBREAKS == *[=:]* ]] && cut=${word%\"${word##*[=:]}\"}\n"
	"	for line in \"${lines[@]:1}\"; do\n"
	"		line=${line%%$'\\t'*}\n"
	"		printf -v quoted %q \"${line#\"$cut\"}\"\n"
	"		COMPREPLY+=(\"$quoted\")\n"
	"	done\n"
	"}\n"
	"complete -F _cekctl cekctl\n";

static const char zsh[] =
	"#compdef cekctl\n"
	"# zsh completion for cekctl: source <(cekctl completion zsh), or as _cekctl in a folder of $fpath\n"
	"_cekctl() {\n"
	"	local line word\n"
	"	local -a lines found\n"
	"	lines=(\"${(@f)$(\"${(Q)words[1]}\" completion words -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	"	case $lines[1] in\n"
	"	files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files; return ;;\n"
	"	dirs) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/; return ;;\n"
	"	esac\n"
	"	for line in \"${(@)lines[2,-1]}\"; do\n"
	"		word=${line%%$'\\t'*}\n"
	"		line=${line#*$'\\t'}\n"
	"		word=${word//\\\\/\\\\\\\\}\n"
	"		found+=(\"${word//:/\\\\:}${line:+:$line}\")\n"
	"	done\n"
	"	_describe -t words cekctl found\n"
	"}\n"
	"if [[ $funcstack[1] == _cekctl ]]; then\n"
	"	_cekctl \"$@\"\n"
	"else\n"
	"	compdef _cekctl cekctl\n"
	"fi\n";

static const char fish[] = "# fish completion for cekctl: cekctl completion fish | source\n"
			   "function __cekctl_words\n"
			   "	set -l words (commandline -opc)\n"
			   "	set -l word (commandline -ct)\n"
			   "	set -l lines ($words[1] completion words -- $words[2..-1] \"$word\" 2>/dev/null)\n"
			   "	switch \"$lines[1]\"\n"
			   "		case files\n"
			   "			__fish_complete_path \"$word\"\n"
			   "		case dirs\n"
			   "			__fish_complete_directories \"$word\"\n"
			   "		case words\n"
			   "			printf '%s\\n' $lines[2..-1]\n"
			   "	end\n"
			   "end\n"
			   "complete -c cekctl -f -a '(__cekctl_words)'\n";

const char *shells_script(const char *shell)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(scripts[i].shell, shell) == 0)
			return scripts[i].script;
	return NULL;
}
