package apiserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestServesTheAdministrator(t *testing.T) {
	config := Start(t)
	clients := kubernetes.NewForConfigOrDie(config)
	made, err := clients.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made.UID == "" {
		t.Error("a namespace without a uid: no real server")
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "delete", Resource: "secrets"}}}
	config.Impersonate.UserName = "nobody-in-particular"
	others, err := kubernetes.NewForConfigOrDie(config).AuthorizationV1().SelfSubjectAccessReviews().Create(context.Background(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if others.Status.Allowed {
		t.Error("RBAC is not in force: anybody may delete secrets")
	}
}

func TestStopLeavesNothing(t *testing.T) {
	server, err := Launch()
	if err != nil {
		t.Fatal(err)
	}
	ids := server.pids()
	server.Stop()
	server.Stop()
	for _, id := range ids {
		if alive(id) {
			t.Errorf("process %d is still there", id)
		}
	}
	if _, err := os.Stat(server.directory); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", server.directory, err)
	}
}

// A test that crashes, or is killed, runs no clean-up.
func TestServersEndWithTheTest(t *testing.T) {
	if os.Getenv("APISERVER_TEST_IS_KILLED") != "" {
		server, err := Launch()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("pids", server.pids()[0], server.pids()[1], server.directory)
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheTest$")
	child.Env = append(os.Environ(), "APISERVER_TEST_IS_KILLED=1")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var ids [2]int
	var directory string
	_, err = fmt.Fscanf(output, "pids %d %d %s\n", &ids[0], &ids[1], &directory)
	_ = child.Process.Kill()
	_ = child.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	for end := time.Now().Add(20 * time.Second); alive(ids[0]) || alive(ids[1]); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of the processes %v at least one outlived the test", ids)
		}
	}
}

func TestSaysWhyTheServerEnded(t *testing.T) {
	_, err := Launch("--no-such-flag")
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver ended by itself") || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
		t.Errorf("got %v", err)
	}
}

func (s *Server) pids() []int {
	var ids []int
	for _, process := range s.processes {
		ids = append(ids, process.ID())
	}
	return ids
}

// alive tells whether a process is there and no zombie; one that is nobody's child any more stays one where no init reaps it.
func alive(id int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	return err == nil && !strings.Contains(string(text), ") Z ")
}
