// The JavaScript half: `logIn`, and `overFetch`, a transport to hand to it in a browser or in node.

const encoder = new TextEncoder();
// A byte order mark stays, for the other half to judge.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// `module` is the compiled WebAssembly.Module. `login` has the fields that demo.mjs shows. `send` takes
// `{ method, url, headers, body, limit }` and promises `{ status, headers, body }`; where it throws, there was no response.
export async function logIn(module, login, send) {
    const outcome = await new Promise((resolve, reject) => {
        let wasm;
        const read = (pointer, length) => JSON.parse(decoder.decode(new Uint8Array(wasm.memory.buffer, pointer, length)));
        const write = (message) => {
            const bytes = encoder.encode(JSON.stringify(message));
            // The pointer first: making room can replace the memory.
            const pointer = wasm.buffer(bytes.length);
            new Uint8Array(wasm.memory.buffer, pointer, bytes.length).set(bytes);
        };
        const answer = async (request) => {
            try {
                write(await send(request));
            } catch {
                // An error of JavaScript's may quote the URL, so it goes no further.
                write(null);
            }
            wasm.receive();
        };
        const javascript = {
            send: (pointer, length) => void answer(read(pointer, length)).catch(reject),
            done: (pointer, length) => resolve(read(pointer, length)),
        };
        wasm = new WebAssembly.Instance(module, { javascript }).exports;
        write(login);
        wasm.log_in();
    });
    if (outcome.error !== undefined) throw new Error(outcome.error);
    return outcome.token;
}

// What a transport owes its caller: no redirect, at most `limit` bytes, half a minute.
export async function overFetch({ method, url, headers, body, limit }) {
    const signal = AbortSignal.timeout(30_000);
    const response = await fetch(url, { method, headers, body, redirect: "error", credentials: "omit", cache: "no-store", signal });
    const chunks = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
        length += chunk.length;
        if (length > limit) throw new Error("the response is longer than its bound");
        chunks.push(chunk);
    }
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    return { status: response.status, headers: [...response.headers], body: decoder.decode(bytes) };
}
