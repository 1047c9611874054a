package apiserver

import (
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// RunControllers starts kube-controller-manager with the named controllers and no others, as the administrator and
// without a limit to its rate worth the name. It ends with the servers.
func (s *Server) RunControllers(names string) error {
	kubeconfig := s.path("controllers.kubeconfig")
	if err := s.WriteKubeconfig(kubeconfig, s.Config.BearerToken); err != nil {
		return err
	}
	return s.run("kube-controller-manager", "--kubeconfig", kubeconfig, "--controllers", names, "--leader-elect=false",
		"--secure-port", "0", "--kube-api-qps", "5000", "--kube-api-burst", "5000")
}

// WriteKubeconfig makes a file for a program that is to be whoever the token is of.
func (s *Server) WriteKubeconfig(file, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["here"] = &clientcmdapi.Cluster{Server: s.Config.Host, CertificateAuthorityData: s.Config.CAData}
	config.AuthInfos["bearer"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "here", AuthInfo: "bearer"}
	config.CurrentContext = "here"
	return clientcmd.WriteToFile(*config, file)
}
