/*
 * Preloaded into programs under test: what they say to syslog(3) is appended to the file that SYSLOG_FILE names, so
 * that a test can read it, "<level>ident[pid]: text", and whatever logger the machine has hears nothing of it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char ident[64] = "?";

/* One open and one write for each line: the programs close descriptors that they do not know. */
static void append(int priority, const char *format, va_list args)
{
	char line[4096];
	const char *path = getenv("SYSLOG_FILE");
	int n = snprintf(line, sizeof line, "<%d>%s[%d]: ", priority & 7, ident, (int)getpid());
	int room = (int)sizeof line - n - 1;
	int m = vsnprintf(line + n, room, format, args);
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	n += m < 0 ? 0 : m < room ? m : room - 1;
	line[n++] = '\n';
	if (fd < 0)
		return;
	if (write(fd, line, n) != n)
		_exit(99);
	close(fd);
}

void openlog(const char *name, int option, int facility)
{
	(void)option, (void)facility;
	snprintf(ident, sizeof ident, "%s", name ? name : "?");
}

void closelog(void) {}

void vsyslog(int priority, const char *format, va_list args)
{
	append(priority, format, args);
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list args)
{
	(void)flag;
	vsyslog(priority, format, args);
}

void syslog(int priority, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsyslog(priority, format, args);
	va_end(args);
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	vsyslog(priority, format, args);
	va_end(args);
}
