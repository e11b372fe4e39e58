/* romana-cni: hand a CNI call to the node agent, print its answer. `romana-cni.py` is the same in Python;
 * one test suite holds both. The protocol stands in romana/apps/agent/cni.py.
 * VERSION and an empty CNI_COMMAND are answered here. Built by: cc -O2 -static -o romana-cni romana-cni.c */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define INPUT (1 << 20) /* most bytes of standard input */
#define HEAD (1 << 16)  /* most bytes of environment */

extern char **environ;
static const char about[] = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
                            "[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}";
static char call[HEAD + INPUT + 1], answer[4 * INPUT];
static const char *command, *path;
static long seconds = 60;

/* Write all of it; -1 where that cannot be. */
static int put(int fd, const char *from, size_t length) {
    while (length) {
        ssize_t n = write(fd, from, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        from += n, length -= n;
    }
    return 0;
}

/* Read until the end or until `most` bytes; -1 on an error. */
static ssize_t get(int fd, char *to, size_t most) {
    size_t length = 0;
    while (length < most) {
        ssize_t n = read(fd, to + length, most - length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (!n) break;
        length += n;
    }
    return length;
}

/* End with a CNI error object on standard output, which is where libcni reads it. */
static void fail(int code, const char *what, const char *why) {
    char text[512];
    int length = snprintf(text, sizeof text,
        "{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}", code, what, why);
    put(1, text, length);
    exit(1);
}

/* The agent is not there: STATUS says 50 (not available), the rest 11 (try again later). */
static void unreachable(const char *why) {
    static char what[256];
    snprintf(what, sizeof what, "the Romana agent does not answer at %.120s", path);
    for (char *c = what; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '?';
    fail(strcmp(command, "STATUS") ? 11 : 50, what, why);
}

static const char *why(int error) {
    static char text[64];
    snprintf(text, sizeof text, "no answer within %ld s", seconds);
    return error == EAGAIN ? text : strerror(error);
}

static int relevant(const char *item) {
    return !strncmp(item, "CNI_", 4) || !strncmp(item, "TRACEPARENT=", 12) ||
           !strncmp(item, "TRACESTATE=", 11) || !strncmp(item, "BAGGAGE=", 8);
}

int main(void) {
    command = getenv("CNI_COMMAND") ? getenv("CNI_COMMAND") : "";
    path = getenv("ROMANA_SOCKET") ? getenv("ROMANA_SOCKET") : "/run/romana/agent.sock";
    if (getenv("ROMANA_TIMEOUT") && atol(getenv("ROMANA_TIMEOUT")) > 0) seconds = atol(getenv("ROMANA_TIMEOUT"));
    if (!*command) {
        fputs("CNI plugin romana-cni\nCNI protocol versions supported: 0.3.1, 0.4.0, 1.0.0, 1.1.0\n", stderr);
        return 0;
    }
    if (!strcmp(command, "VERSION")) return put(1, about, sizeof about - 1) ? 1 : 0;
    signal(SIGPIPE, SIG_IGN);

    size_t used = 0;
    for (char **item = environ; *item; item++) {
        size_t length = strlen(*item) + 1;
        if (!relevant(*item)) continue;
        if (used + length + 1 > HEAD) fail(4, "the environment is longer than 65536 bytes", "");
        memcpy(call + used, *item, length), used += length;
    }
    call[used++] = 0;
    ssize_t input = get(0, call + used, INPUT + 1);
    if (input < 0) fail(5, "cannot read standard input", strerror(errno));
    if (input > INPUT) fail(6, "standard input is longer than 1048576 bytes", "");

    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = seconds};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof to.sun_path) unreachable("AF_UNIX path too long");
    strcpy(to.sun_path, path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) || put(fd, call, used + input) || shutdown(fd, SHUT_WR))
        unreachable(why(errno));
    ssize_t got = get(fd, answer, sizeof answer);
    if (got < 0) unreachable(why(errno));
    int status;
    long length;
    char *line = memchr(answer, '\n', got < 32 ? got : 32);
    if (!line || sscanf(answer, "%d %ld", &status, &length) < 2 || got != line + 1 - answer + length)
        unreachable("it ended in the middle of the call");
    return put(1, line + 1, length) ? 1 : status;
}
