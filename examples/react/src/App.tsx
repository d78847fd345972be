import { useState } from "react";
import { returnedOrder } from "./returned";
import { SignIn } from "./SignIn";
import { Studio } from "./Studio";
import type { Session } from "./session";

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [notice, setNotice] = useState(returnedOrder() && "Sign in again to see your purchase.");

  const signOut = (reason = "") => {
    setSession(null);
    setNotice(reason);
  };
  return (
    <main>
      <h1>Image to video</h1>
      {session ? (
        <Studio key={session.token} session={session} onSignOut={signOut} />
      ) : (
        <SignIn notice={notice} onSignIn={setSession} />
      )}
    </main>
  );
}
