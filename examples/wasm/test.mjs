// `WASM=the .wasm file node --test test.mjs`: what a login in WebAssembly asks of its `send`, and makes of what it gets.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { logIn, overFetch } from "./location-auth.mjs";

const module = await WebAssembly.compile(await readFile(process.env.WASM));
const login = {
    environment: "staging",
    userTokenUrl: "https://api.example.com/user_token",
    locationTokenUrl: "https://api.example.com/locations/{location_id}/token",
    apiKey: "k-Xq9",
    clientId: "c-Xq9",
    clientSecret: "s-Xq9",
    location: "a salon",
    email: "owner-Xq9@example.com",
    password: "\"hunter2\" Xq9 ä \u{1f511}",
};
const answer = (status, content) => ({ status, headers: [], body: JSON.stringify(content) });
const tokens = ({ url }) => answer(200, { access_token: url.endsWith("user_token") ? "u-Xq9" : "l-Xq9" });
const unsent = () => assert.fail("nothing may be sent");

// The error of a login, which shows no secret.
async function refused(change, send) {
    const error = await logIn(module, { ...login, ...change }, send).then(() => assert.fail("a login"), (error) => error.message);
    assert.doesNotMatch(error, /xq9/i);
    return error;
}

// A service over HTTP on a loopback port, for as long as `body` runs.
async function served(handler, body) {
    const server = createServer(handler).listen(0, "127.0.0.1");
    await new Promise((listening) => server.on("listening", listening));
    const base = `http://127.0.0.1:${server.address().port}`;
    try {
        await body({ userTokenUrl: `${base}/user_token`, locationTokenUrl: `${base}/locations/{location_id}/token` });
    } finally {
        server.closeAllConnections();
        await new Promise((closed) => server.close(closed));
    }
}

test("a login is two requests", async () => {
    const requests = [];
    const token = await logIn(module, login, async (request) => {
        requests.push({ ...request, headers: Object.fromEntries(request.headers), body: JSON.parse(request.body) });
        return tokens(request);
    });
    assert.equal(token, "l-Xq9");
    const headers = { "content-type": "application/json", accept: "application/json", "x-api-key": "k-Xq9" };
    const ids = { client_id: "c-Xq9", client_secret: "s-Xq9" };
    const method = "POST";
    assert.deepEqual(requests, [
        { method, url: login.userTokenUrl, headers, body: { email: login.email, password: login.password, ...ids }, limit: 65536 },
        {
            method,
            url: "https://api.example.com/locations/a%20salon/token",
            headers: { ...headers, authorization: "Bearer u-Xq9" },
            body: ids,
            limit: 65536,
        },
    ]);
});

test("logins at once do not meet", async () => {
    const owners = Array.from({ length: 50 }, (_, number) => `owner-${number}@example.com`);
    const own = async (owner) => {
        let user;
        return logIn(module, { ...login, email: owner }, async ({ url, headers, body }) => {
            await new Promise((later) => setTimeout(later, Math.random() * 10));
            if (url.endsWith("user_token")) return answer(200, { access_token: (user = `u-${JSON.parse(body).email}`) });
            assert.equal(new Headers(headers).get("authorization"), `Bearer ${user}`);
            return answer(200, { access_token: `l-${user}` });
        });
    };
    assert.deepEqual(await Promise.all(owners.map(own)), owners.map((owner) => `l-u-${owner}`));
});

test("an error says the step, who is at fault and what to do", async () => {
    assert.equal(
        await refused({}, () => answer(401, { error: "wrong password" })),
        "step 1 (User Access Token) of Location a salon: the service refused (status 401), saying \"wrong password\"; the caller is at " +
            "fault: check the owner's email and password, and that the API Key, the Client ID and the Client Secret are this environment's",
    );
    assert.match(await refused({}, () => answer(401, { error: `no ${login.password}` })), /its words withheld/);
    assert.match(await refused({}, (request) => (request.body.includes("email") ? tokens(request) : answer(503, {}))), /^step 2 .*503/);
    const nothing = /^step 1 .*no complete response came.*the transport is at fault/;
    assert.match(await refused({}, ({ url }) => Promise.reject(new Error(`${url}?q=xq9`))), nothing);
    for (const odd of [undefined, null, {}, { status: 200 }, { ...answer(200, {}), status: 70000 }, 7]) {
        assert.match(await refused({}, () => odd), nothing);
    }
});

test("wrong settings are told before anything is sent", async () => {
    assert.match(await refused({ userTokenUrl: "http://api.example.com/user_token" }, unsent), /user token URL/);
    assert.match(await refused({ environment: "test" }, unsent), /environment/);
    assert.match(await refused({ apiKey: undefined }, unsent), /apiKey/);
});

test("over fetch a login is HTTP, a redirect is not followed and a long response not read", async () => {
    const seen = [];
    const serve = (request, response) => {
        seen.push(request.url);
        request.resume().on("end", () => response.end(tokens(request).body));
    };
    await served(serve, async (urls) => assert.equal(await logIn(module, { ...login, ...urls }, overFetch), "l-Xq9"));
    assert.deepEqual(seen.splice(0), ["/user_token", "/locations/a%20salon/token"]);

    const redirect = (request, response) => {
        seen.push(request.url);
        request.resume().on("end", () => response.writeHead(307, { location: "/elsewhere" }).end());
    };
    await served(redirect, async (urls) => assert.match(await refused(urls, overFetch), /no complete response came/));
    assert.deepEqual(seen.splice(0), ["/user_token"]);

    for (const [padding, expected] of [[65536 - 32, /l-Xq9/], [65536, /no complete response came/]]) {
        const pad = (request, response) => {
            request.resume().on("end", () => response.end(tokens(request).body + " ".repeat(padding)));
        };
        await served(pad, async (urls) => {
            const outcome = await logIn(module, { ...login, ...urls }, overFetch).catch((error) => error.message);
            assert.match(outcome, expected);
        });
    }
});
