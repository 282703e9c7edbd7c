/* A wall clock that is off by as many seconds as the file $CLOCK_OFFSET says; for LD_PRELOAD.
   Monotonic time goes on as it does, as when somebody sets the clock: libfaketime 0.9.10 cannot do that under Python, whose
   time.sleep then fails. Files have the times of the same clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    static const char *path;
    char text[32];
    if (!path && !(path = getenv("CLOCK_OFFSET"))) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long count = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    text[count > 0 ? count : 0] = 0;
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, clock, now);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return (int)result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where) *where = exact.tv_sec;
    return exact.tv_sec;
}

#define MOVED(found) (found)->st_mtim.tv_sec += offset(), (found)->st_ctim.tv_sec += offset()
#define STAT(name, type, parameters, arguments)                                                        \
    int name parameters {                                                                              \
        static int (*real) parameters;                                                                 \
        if (!real) real = (int(*) parameters)dlsym(RTLD_NEXT, #name);                                   \
        int result = real arguments;                                                                   \
        if (!result) MOVED(found);                                                                     \
        return result;                                                                                 \
    }

STAT(stat, stat, (const char *path, struct stat *found), (path, found))
STAT(lstat, stat, (const char *path, struct stat *found), (path, found))
STAT(fstat, stat, (int file, struct stat *found), (file, found))
STAT(fstatat, stat, (int folder, const char *path, struct stat *found, int flags), (folder, path, found, flags))
STAT(stat64, stat64, (const char *path, struct stat64 *found), (path, found))
STAT(lstat64, stat64, (const char *path, struct stat64 *found), (path, found))
STAT(fstat64, stat64, (int file, struct stat64 *found), (file, found))
STAT(fstatat64, stat64, (int folder, const char *path, struct stat64 *found, int flags), (folder, path, found, flags))
