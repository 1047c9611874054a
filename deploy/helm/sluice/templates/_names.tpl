{{- /* The labels by which a workload finds its pods: "sluice.selector" NAME. They may never change. */}}
{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ . }}
{{- end }}

{{- /* The labels of an object: "sluice.labels" (list $ NAME). */}}
{{- define "sluice.labels" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: sluice
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion }}
{{- end }}

{{- define "sluice.image" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- /* What a container may that needs nothing. */}}
{{- define "sluice.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* The name of a pool's daemon: "sluice.daemon" POOL. */}}
{{- define "sluice.daemon" -}}
sluice-daemon{{ if ne . "default" }}-{{ . }}{{ end }}
{{- end }}

{{- /* The plugin's configuration: each pool's, with what this chart decides. */}}
{{- define "sluice.configuration" -}}
pools:
  {{- range $pool, $_ := .Values.pools }}
  {{ $pool }}:
    uid: {{ int64 .userId }}
    gid: {{ int64 .userId }}
    attached: {namespace: {{ $.Values.daemonNamespace }}, serviceAccount: {{ include "sluice.daemon" $pool }}}
    metrics: {listen: "0.0.0.0:{{ $.Values.metrics.port }}"}
    {{- toYaml .configuration | nindent 4 }}
  {{- end }}
{{- end }}
