/* The other end of every row with sockets: it does as little as it can, so that it is never what is measured.

     peer source SIZE          a server that sends so many bytes to whoever connects
     peer sink                 a server that discards what it gets, and answers one byte at the end
     peer echo                 a server that sends everything back
     peer client PORT COUNT N  so many connections, N at a time, each of them one echo of 64 bytes
     peer hold PORT COUNT      so many connections, kept open until standard input ends
     peer flood PORT SIZE      datagrams of that size, as fast as they go, until nobody receives them
     peer datagrams            receives datagrams, and discards them

   A server prints its port. All of them end with their parent, and after two minutes. They run on the core
   BENCH_PEER_CORE, if the environment has it. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MESSAGE = 64, EVENTS = 256 };

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int server_of(int type) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  int server = socket(AF_INET, type, 0);
  if (server < 0 || bind(server, (struct sockaddr *)&address, length)) err(1, "bind");
  if (type == SOCK_STREAM && listen(server, 1024)) err(1, "listen");
  if (getsockname(server, (struct sockaddr *)&address, &length)) err(1, "getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return server;
}

static void source(long size) {
  static char block[BLOCK];
  int server = server_of(SOCK_STREAM);
  for (;;) {
    int connection = accept(server, NULL, NULL);
    long left = size;
    while (left > 0) {
      ssize_t sent = send(connection, block, left < BLOCK ? left : BLOCK, MSG_NOSIGNAL);
      if (sent < 0) break;
      left -= sent;
    }
    shutdown(connection, SHUT_WR);
    char byte;
    while (recv(connection, &byte, 1, 0) > 0);
    close(connection);
  }
}

/* MSG_TRUNC has the system drop the bytes without copying them. */
static void sink(void) {
  int server = server_of(SOCK_STREAM);
  for (;;) {
    int connection = accept(server, NULL, NULL);
    while (recv(connection, NULL, BLOCK, MSG_TRUNC) > 0);
    send(connection, "!", 1, MSG_NOSIGNAL);
    close(connection);
  }
}

static void watch(int poll, int descriptor, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = descriptor};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)) err(1, "epoll_ctl");
}

static void echo(void) {
  static char buffer[1 << 16];
  struct epoll_event events[EVENTS];
  int server = server_of(SOCK_STREAM), poll = epoll_create1(0), yes = 1;
  watch(poll, server, EPOLLIN);
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int connection = events[i].data.fd;
      if (connection == server) {
        connection = accept4(server, NULL, NULL, SOCK_NONBLOCK);
        if (connection < 0) continue;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(poll, connection, EPOLLIN);
        continue;
      }
      ssize_t size = recv(connection, buffer, sizeof buffer, 0);
      if (size > 0)
        send(connection, buffer, size, MSG_NOSIGNAL);
      else if (size == 0 || errno != EAGAIN)
        close(connection);
    }
  }
}

static int start_connection(int poll, int port) {
  struct sockaddr_in address = loopback(port);
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (connection < 0) err(1, "socket");
  if (connect(connection, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) err(1, "connect");
  watch(poll, connection, EPOLLOUT | EPOLLONESHOT);
  return connection;
}

static void client(int port, long count, int parallel) {
  char message[MESSAGE] = {0}, answer[MESSAGE];
  struct epoll_event events[EVENTS];
  int poll = epoll_create1(0);
  long started = 0, finished = 0;
  while (started < parallel && started < count) start_connection(poll, port), started++;
  while (finished < count) {
    int ready = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int connection = events[i].data.fd;
      if (events[i].events & EPOLLOUT) {
        if (send(connection, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE) err(1, "send");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connection};
        epoll_ctl(poll, EPOLL_CTL_MOD, connection, &event);
        continue;
      }
      if (recv(connection, answer, MESSAGE, 0) != MESSAGE) err(1, "recv");
      close(connection);
      finished++;
      if (started < count) start_connection(poll, port), started++;
    }
  }
}

static void hold(int port, long count) {
  struct sockaddr_in address = loopback(port);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (long i = 0; i < count; i++) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address)) err(1, "connect");
  }
  char byte;
  while (read(0, &byte, 1) > 0);
}

/* UDP_SEGMENT: the system makes many datagrams of one buffer. */
static void flood(int port, int size) {
  static char buffer[1 << 16];
  struct sockaddr_in address = loopback(port);
  int sock = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(sock, (struct sockaddr *)&address, sizeof address)) err(1, "connect");
  int many = 60000 / size < 64 ? 60000 / size : 64;
  if (setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size)) many = 1;
  for (int refused = 0; refused < 3;)
    if (send(sock, buffer, (size_t)many * size, 0) < 0) {
      if (errno != ECONNREFUSED) err(1, "send");
      refused++;
    }
}

static void datagrams(void) {
  int server = server_of(SOCK_DGRAM);
  while (recv(server, NULL, 0, 0) >= 0);
}

static void run_on(const char *core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(atoi(core), &cores);
  if (sched_setaffinity(0, sizeof cores, &cores)) err(1, "sched_setaffinity");
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getenv("BENCH_PEER_CORE")) run_on(getenv("BENCH_PEER_CORE"));
  alarm(120);
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "source") && argc == 3) source(atol(argv[2]));
  else if (!strcmp(what, "sink")) sink();
  else if (!strcmp(what, "echo")) echo();
  else if (!strcmp(what, "client") && argc == 5) client(atoi(argv[2]), atol(argv[3]), atoi(argv[4]));
  else if (!strcmp(what, "hold") && argc == 4) hold(atoi(argv[2]), atol(argv[3]));
  else if (!strcmp(what, "flood") && argc == 4) flood(atoi(argv[2]), atoi(argv[3]));
  else if (!strcmp(what, "datagrams")) datagrams();
  else errx(2, "see the top of peer.c");
  return 0;
}
