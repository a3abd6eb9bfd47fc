// A TCONNECT partner: log in, call, refresh, refresh again, against a running sandbox. Java's own library alone; it has
// no JSON, so that the flat answers are read by a pattern here, where an application has a library.
// KIMBAI_TCONNECT_URL is the realm's address.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

final class Run {
    static final String URL = Objects.requireNonNullElse(System.getenv("KIMBAI_TCONNECT_URL"), "http://localhost:4603");
    static final String PARTNER_CODE = "DEMO";
    // 32 bytes. The digits are not the key: they spell it.
    static final byte[] KEY =
            HexFormat.of().parseHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    static final Map<String, String> LOG_IN = Map.of(
            "username", "demo@yourdomain.vn",
            "password", "Password#123",
            "client_id", "fMLgZltRRtetnsOHXgxsHQ",
            "client_secret", "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd");

    static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    static final SecureRandom RANDOM = new SecureRandom();
    static int steps;

    record Answer(int status, String body) {
        /** A string or number of a flat object without escapes. */
        String member(String name) {
            var found = Pattern.compile('"' + name + "\"\\s*:\\s*\"?([^\",}]*)").matcher(body);
            return found.find() ? found.group(1) : null;
        }
    }

    static void step(String text) {
        System.out.printf("%2d. %s%n", ++steps, text);
    }

    static void expect(String what, Object found, Object wanted) {
        if (!Objects.equals(found, wanted)) {
            System.err.printf("FAILED in step %d: %s is %s, not %s%n", steps, what, found, wanted);
            System.exit(1);
        }
    }

    /** A fresh IV, then the cipher text, in hex digits. What Java calls PKCS5Padding is PKCS#7. */
    static String seal(String payload) throws GeneralSecurityException {
        var iv = new byte[16];
        RANDOM.nextBytes(iv);
        var cipher = Cipher.getInstance("AES/CBC/PKCS5Padding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(KEY, "AES"), new IvParameterSpec(iv));
        var ciphertext = cipher.doFinal(payload.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(iv) + HexFormat.of().formatHex(ciphertext);
    }

    /** The payload as JSON; its values need no escapes. */
    static String json(Map<String, String> payload) {
        var members = payload.entrySet().stream().map(entry -> '"' + entry.getKey() + "\":\"" + entry.getValue() + '"');
        return members.collect(Collectors.joining(",", "{", "}"));
    }

    static Answer post(String path, Map<String, String> payload, String accessToken)
            throws GeneralSecurityException, IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(URL + "/openapi/v1" + path))
                .timeout(Duration.ofSeconds(10))
                .header("Content-Type", "application/json")
                .header("Partner-Code", PARTNER_CODE)
                .POST(HttpRequest.BodyPublishers.ofString(json(Map.of("data", seal(json(payload))))));
        if (accessToken != null) {
            request.header("Authorization", "Bearer " + accessToken);
        }
        var answer = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
        return new Answer(answer.statusCode(), answer.body());
    }

    static String jti(String token) {
        var claims = Base64.getUrlDecoder().decode(token.split("\\.")[1]);
        return new Answer(0, new String(claims, StandardCharsets.UTF_8)).member("jti");
    }

    public static void main(String[] arguments) throws Exception {
        step("The partner logs in: a user and a client at once, in one envelope");
        var first = post("/auth/login", LOG_IN, null);
        expect("status", first.status(), 200);
        expect("token_type", first.member("token_type"), "Bearer");
        System.out.printf("    good for %s s, to be refreshed within %s s%n",
                first.member("expires_in"), first.member("refresh_expires_in"));

        step("The access token opens the API, beside the partner it was issued to");
        var called = post("/qr", Map.of("order_id", "1"), first.member("access_token"));
        expect("status", called.status(), 200);
        System.out.printf("    %s, %s%n", called.member("partner_code"), called.member("username"));

        step("It refreshes, and has a new pair");
        var refresh = Map.of("refresh_token", first.member("refresh_token"));
        var second = post("/auth/refresh", refresh, null);
        expect("status", second.status(), 200);
        expect("rotated", !second.member("refresh_token").equals(first.member("refresh_token")), true);

        step("The same refresh again, as after a lost answer: the same pair");
        var again = post("/auth/refresh", refresh, null);
        expect("refresh_token", again.member("refresh_token"), second.member("refresh_token"));
        expect("jti", jti(again.member("access_token")), jti(second.member("access_token")));

        step("The new access token opens the API");
        expect("status", post("/qr", Map.of("order_id", "2"), second.member("access_token")).status(), 200);

        step("A refresh token is no access token, and nobody is told what was wrong");
        expect("status", post("/qr", Map.of("order_id", "3"), second.member("refresh_token")).status(), 401);

        System.out.println("All as documented.");
    }
}
