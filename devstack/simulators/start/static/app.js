// Shows what a real app would read from the address.
document.getElementById("page").textContent = location.pathname.replace(/^\/app/, "") || "/";
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) document.getElementById("token").textContent = token;
