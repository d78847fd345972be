import { useEffect, useRef, useState, type FormEvent } from "react";
import { showGoogleButton, signInLocally, type Session } from "./session";
import { GOOGLE_CLIENT_ID, SIMULATORS_URL } from "./settings";

interface Props {
  notice: string;
  onSignIn: (session: Session) => void;
}

export function SignIn({ notice, onSignIn }: Props) {
  return (
    <section aria-label="Sign in">
      {notice && <p role="alert">{notice}</p>}
      {GOOGLE_CLIENT_ID ? <GoogleButton onSignIn={onSignIn} /> : <LocalSignIn onSignIn={onSignIn} />}
    </section>
  );
}

function GoogleButton({ onSignIn }: Pick<Props, "onSignIn">) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => showGoogleButton(place.current!, onSignIn), [onSignIn]);
  return <div ref={place} />;
}

/** The stand-in for Google's button while you develop. */
function LocalSignIn({ onSignIn }: Pick<Props, "onSignIn">) {
  const [name, setName] = useState("ada");
  const [problem, setProblem] = useState("");

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      onSignIn(await signInLocally(name));
    } catch {
      setProblem(`There is no simulated Google at ${SIMULATORS_URL}. Is \`make run\` running?`);
    }
  };
  return (
    <form onSubmit={submit}>
      <label>
        Name
        <input value={name} onChange={(event) => setName(event.target.value)} required pattern="[a-z]+" />
      </label>
      <button>Sign in as {name}</button>
      <p className="quiet">A simulated Google account. With VITE_GOOGLE_CLIENT_ID set, Google’s button is here.</p>
      {problem && <p role="alert">{problem}</p>}
    </form>
  );
}
