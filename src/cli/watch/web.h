/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that shows what is watched, on this machine alone: a server that listens on 127.0.0.1, answers GET and HEAD
 * alone, and refuses requests that name another host, as those do that a foreign page sends by a name that it lets
 * point here (DNS rebinding). It has a thread of its own (libmicrohttpd).
 *
 *   /                        the page (page.html)
 *   /data?from=N&event=M     what is new since point N and line M, as JSON
 */
#ifndef RNNP_CLI_WATCH_WEB_H
#define RNNP_CLI_WATCH_WEB_H

#include "board.h"

typedef struct web web;

/* Port 0: any free one. NULL after a sentence. The board and the names of its channels (NULL: none) outlive it. */
web *web_open(board *b, char *const *names, unsigned port);
unsigned web_port(const web *w);
void web_close(web *w);

/* The page, made from page.html by the build. */
extern const unsigned char web_page[];
extern const size_t web_page_size;

#endif
