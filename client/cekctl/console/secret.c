/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/wipe.h"
#include "client/cekctl/console/io.h"

enum { PIECE = 256 };

/* Whether fd can be read before a signal comes. */
static bool wait_for(int fd, int signals)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int n;

	do
		n = poll(fds, signals < 0 ? 1 : 2, -1);
	while (n < 0 && errno == EINTR);
	return n > 0 && !fds[1].revents;
}

/* Up to the end of the line or of the input. What does not fit is read and dropped. */
static ssize_t read_line(int fd, int signals, char *text, size_t size)
{
	char piece[PIECE];
	size_t len = 0;
	ssize_t n = 0;
	const char *end = NULL;

	while (!end) {
		size_t part;

		if (signals >= 0 && !wait_for(fd, signals)) {
			n = -EINTR;
			break;
		}
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			n = n < 0 ? -errno : 0;
			break;
		}
		end = memchr(piece, '\n', (size_t)n);
		part = end ? (size_t)(end - piece) : (size_t)n;
		if (len < size)
			memcpy(text + len, piece, part < size - len ? part : size - len);
		len += part;
	}
	wipe(piece, sizeof(piece));
	if (end && len > 0 && len <= size && text[len - 1] == '\r')
		len--;
	if (n < 0 || len > size) {
		wipe(text, size);
		return n < 0 ? n : -EMSGSIZE;
	}
	return !end && len == 0 ? -ENODATA : (ssize_t)len;
}

ssize_t secret_from_file(const char *path, char *ret_text, size_t size)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_line(fd, -1, ret_text, size);
	if (fd != STDIN_FILENO)
		close(fd);
	return n == -ENODATA ? 0 : n;
}

/* A signal that would end or stop us comes when the terminal shows again what is typed. */
static ssize_t ask_quietly(int tty, const char *question, char *ret_text, size_t size)
{
	struct termios before, quiet;
	sigset_t set, old;
	int signals;
	ssize_t n;

	if (tcgetattr(tty, &before) < 0)
		return -ENXIO;
	sigemptyset(&set);
	for (const int *signal = (const int[]){SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, 0}; *signal; signal++)
		sigaddset(&set, *signal);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &old);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	n = tcsetattr(tty, TCSAFLUSH, &quiet) < 0 ? -errno : io_write_all(tty, question, strlen(question));
	if (n == 0) {
		n = read_line(tty, signals, ret_text, size);
		(void)io_write_all(tty, "\n", 1);
	}
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	close(signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return n;
}

ssize_t secret_ask(const char *question, char *ret_text, size_t size)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (tty < 0)
		return -ENXIO;
	n = ask_quietly(tty, question, ret_text, size);
	close(tty);
	return n;
}
