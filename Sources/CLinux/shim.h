// What Linux has and Swift's Glibc module does not: epoll, eventfd, timerfd, inotify, accept4, statfs, flock.
// Constants that are enums or casts in C are given as functions or plain numbers.
#ifndef SAMBAND_CLINUX_SHIM_H
#define SAMBAND_CLINUX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

// The headers declare these only under _GNU_SOURCE, which would give other structures than Swift's Glibc has.
int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);

/// Names the calling thread, for ps and top: at most 15 bytes.
static inline int samband_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

/// The events of epoll_ctl(2) as plain numbers.
enum {
    SAMBAND_EPOLLIN = EPOLLIN,
    SAMBAND_EPOLLOUT = EPOLLOUT,
    SAMBAND_EPOLLRDHUP = EPOLLRDHUP,
    SAMBAND_EPOLLERR = EPOLLERR,
    SAMBAND_EPOLLHUP = EPOLLHUP,
};

/// epoll_create1(2), closed on exec.
static inline int samband_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// Adds fd to an epoll instance, edge-triggered or not; `token` comes back with each event.
/// 0, or -1 with errno. https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
static inline int samband_epoll_add(int epoll, int fd, uint32_t events, int edge, uint64_t token) {
    struct epoll_event event = {.events = events | (edge ? (uint32_t)EPOLLET : 0), .data = {.u64 = token}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// Waits for at most `capacity` (≤ 256) events and gives the token and the events of each.
/// Their number, or -1 with errno. struct epoll_event is packed, which Swift does not import well.
static inline int samband_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int timeout_ms) {
    struct epoll_event ready[256];
    int count = epoll_wait(epoll, ready, capacity < 256 ? capacity : 256, timeout_ms);
    for (int i = 0; i < count; i++) {
        tokens[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return count;
}

/// eventfd(2), non-blocking and closed on exec.
static inline int samband_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// accept4(2), non-blocking and closed on exec. The descriptor, or -1 with errno.
static inline int samband_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// socket(2) for a stream, non-blocking and closed on exec.
static inline int samband_stream_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/// Lets a TCP connection end when the peer's system has acknowledged nothing for `silent_ms`: neither what was sent to
/// it nor, while nothing is under way, the probes that begin after half of that. A NAT or a cable that drops a
/// connection says so to nobody. Also keeps the kernel from taking in more than about 128 KiB that it cannot send yet.
/// 0, or -1 with errno (a Unix socket has none of this). https://man7.org/linux/man-pages/man7/tcp.7.html
static inline int samband_watch_peer(int fd, int silent_ms) {
    int on = 1, idle = silent_ms / 2000 > 0 ? silent_ms / 2000 : 1, every = 1;
    int count = silent_ms / 1000 > idle ? silent_ms / 1000 - idle : 1;
    unsigned int unsent = 128 * 1024;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) != 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms);
    return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/// send(2) that neither blocks nor raises SIGPIPE; `more` when another piece follows at once.
static inline ssize_t samband_send(int fd, const void *bytes, size_t count, int more) {
    return send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
}

/// recv(2) that does not block.
static inline ssize_t samband_recv(int fd, void *bytes, size_t count) { return recv(fd, bytes, count, MSG_DONTWAIT); }

/// The user of the process at the other end of a Unix socket, as it was when it connected (unix(7), SO_PEERCRED); -1
/// for another kind of socket.
static inline int64_t samband_peer_user(int fd) {
    struct samband_ucred { pid_t pid; uid_t uid; gid_t gid; } peer;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 || address.ss_family != AF_UNIX) return -1;
    size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? (int64_t)peer.uid : -1;
}

/// Fills an address of a Unix socket: its length, or 0 when the path does not fit (108 bytes with its NUL).
static inline socklen_t samband_unix_address(struct sockaddr_un *address, const char *path) {
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    if (length == 0 || length >= sizeof address->sun_path) return 0;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

/// Sends one datagram to a Unix socket, without waiting: `path` is its path, or for an abstract one a zero byte and its
/// name. 0, or -1 with errno. https://man7.org/linux/man-pages/man7/unix.7.html
static inline int samband_send_datagram(const uint8_t *path, size_t length, const void *bytes, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (length == 0 || length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
    close(fd);
    return sent < 0 ? -1 : 0;
}

/// Raises the soft limit of open files to the hard one: the limit that now holds.
static inline uint64_t samband_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
    }
    return limit.rlim_cur;
}

/// Sets the soft limit of open files: 0, or -1 with errno. For tests of what happens when they run out.
static inline int samband_set_open_files(uint64_t soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    limit.rlim_cur = soft;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/// inotify_init1(2), non-blocking and closed on exec.
static inline int samband_inotify(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

/// Takes (exclusive or shared) or gives back a lock on an open file without waiting: 0, or -1 with errno
/// (EWOULDBLOCK when another holds it). https://man7.org/linux/man-pages/man2/flock.2.html
static inline int samband_lock(int fd, int exclusive) { return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB); }
static inline int samband_unlock(int fd) { return flock(fd, LOCK_UN); }

/// The magic number of the file system that holds `path` (statfs(2), linux/magic.h), or -1 with errno.
static inline int64_t samband_file_system(const char *path) {
    struct statfs about;
    return statfs(path, &about) == 0 ? (int64_t)(uint32_t)about.f_type : -1;
}

#endif
