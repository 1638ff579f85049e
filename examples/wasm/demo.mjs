// A login and a refused one, against a service that is a function: no network. `node demo.mjs [the .wasm file]`

import { readFile } from "node:fs/promises";
import { logIn } from "./location-auth.mjs";

const built = new URL("target/wasm32-unknown-unknown/release/location_auth_wasm.wasm", import.meta.url);
const module = await WebAssembly.compile(await readFile(process.argv[2] ?? built));

const login = {
    environment: "staging",
    userTokenUrl: "https://api.example.com/user_token",
    locationTokenUrl: "https://api.example.com/locations/{location_id}/token",
    apiKey: "demo-api-key",
    clientId: "demo-client-id",
    clientSecret: "demo-client-secret",
    location: "demo-salon",
    email: "owner@example.com",
    password: "demo-password",
};

// Stands for the service. `overFetch` of location-auth.mjs talks to the real one.
function service({ method, url, headers, body }) {
    console.log(`  ${method} ${url}`);
    const { password } = JSON.parse(body);
    const sent = new Headers(headers);
    const answer = (status, content) => {
        const headers = [["content-type", "application/json"], ["x-request-id", `demo-${status}`]];
        return { status, headers, body: JSON.stringify(content) };
    };
    if (sent.get("x-api-key") !== login.apiKey) return answer(403, { error: "unknown API Key" });
    if (url === login.userTokenUrl) {
        return password === login.password ? answer(200, { access_token: "demo-user-token" }) : answer(401, { error: "wrong password" });
    }
    if (sent.get("authorization") !== "Bearer demo-user-token") return answer(401, { error: "unknown token" });
    return answer(200, { access_token: "demo-location-token" });
}

console.log("Logging in:");
const token = await logIn(module, login, service);
console.log(`Logged in: a token of ${token.length} characters.`);

console.log("With a wrong password:");
await logIn(module, { ...login, password: "not the password" }, service).catch((error) => console.log(error.message));
