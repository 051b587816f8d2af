/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/ready.h"
#include "gateways/nginx/conn.h"

enum { ASK_MS = 1000 };

struct question {
	ngx_http_request_t *request;
	struct ngx_cekd_ready *about;
	cek_call *call; /* NULL when it is over */
};

static ngx_int_t respond(ngx_http_request_t *r, bool ready)
{
	static ngx_str_t type = ngx_string("text/plain");
	static ngx_str_t yes = ngx_string("ready\n"), no = ngx_string("not ready\n");
	ngx_http_complex_value_t text = {.value = ready ? yes : no};

	return ngx_http_send_response(r, ready ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE, &type, &text);
}

/* cekd refused the question: the rule of this uid does not allow "status". It answers all the same. */
static bool says_ready(const cek_result *result)
{
	const struct cek_daemon *daemon = cek_result_daemon(result);

	return daemon ? daemon->ready : cek_result_status(result) == CEK_DENIED;
}

static bool answered(const cek_result *result, struct ngx_cekd_ready *about)
{
	int status = cek_result_status(result);

	if (status == CEK_OK || status == CEK_DENIED) {
		about->last_was_ready = says_ready(result);
		about->last_answer = ngx_current_msec;
		return about->last_was_ready;
	}
	return about->last_was_ready && ngx_current_msec - about->last_answer <= about->max_age;
}

static void on_status(cek_call *call, cek_result *result, void *userdata)
{
	struct question *question = userdata;
	ngx_http_request_t *r = question->request;
	ngx_connection_t *connection = r->connection;

	question->call = NULL;
	ngx_cekd_peer_end(question->about->peer);
	if (cek_result_status(result) == CEK_E_CANCELLED)
		return;
	ngx_http_finalize_request(r, respond(r, answered(result, question->about)));
	ngx_http_run_posted_requests(connection);
}

/* The request has ended; if that is because its client left, the question has not. */
static void forget(void *data)
{
	cek_call_cancel(((struct question *)data)->call);
}

ngx_int_t ngx_cekd_ready(ngx_http_request_t *r, struct ngx_cekd_ready *about)
{
	ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(r, sizeof(struct question));
	struct ngx_cekd_peer *peer = about->peer;
	struct question *question;

	if (!cleanup)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	question = cleanup->data;
	*question = (struct question){.request = r, .about = about};
	if (ngx_http_discard_request_body(r) != NGX_OK || ngx_cekd_peer_open(peer, r->connection->log) != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	if (cek_status_start(peer->conn, ASK_MS, on_status, question, &question->call) != CEK_OK)
		return respond(r, false);
	cleanup->handler = forget;
	ngx_cekd_peer_begin(peer);
	r->read_event_handler = ngx_http_test_reading;
	r->main->count++;
	return NGX_DONE;
}
