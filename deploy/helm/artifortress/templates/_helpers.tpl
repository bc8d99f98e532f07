{{- define "artifortress.name" -}}
{{- $name := .Chart.Name -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "artifortress.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "artifortress.labels" -}}
{{ include "artifortress.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Kubernetes refuses Recreate beside the rollingUpdate that a Deployment has kept from a strategy before it: null takes it away. */}}
{{- define "artifortress.strategy" -}}
{{ toYaml . }}
{{- if eq .type "Recreate" }}
rollingUpdate: null
{{- end }}
{{- end -}}

{{- define "artifortress.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "artifortress.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ .Values.serviceAccount.name | default (include "artifortress.name" .) }}{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end -}}

{{- define "artifortress.secret" -}}
{{ .Values.secret.existing | default (include "artifortress.name" .) }}
{{- end -}}

{{- define "artifortress.scheme" -}}
{{ if .Values.files.tls.secret }}HTTPS{{ else }}HTTP{{ end }}
{{- end -}}

{{/* How long requests may still reach a pod that was told to stop: until every proxy has heard of it. */}}
{{- define "artifortress.shutdownDelaySeconds" -}}
{{ hasKey .Values.settings "ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS" | ternary (get .Values.settings "ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS") 5 | int }}
{{- end -}}

{{/* Seconds from the stop signal to the kill: traffic still arriving, requests in progress, closing. */}}
{{- define "artifortress.terminationGracePeriodSeconds" -}}
{{- $grace := hasKey .Values.settings "ARTIFORTRESS_SHUTDOWN_GRACE_SECONDS" | ternary (get .Values.settings "ARTIFORTRESS_SHUTDOWN_GRACE_SECONDS") 20 -}}
{{ add (include "artifortress.shutdownDelaySeconds" .) (int $grace) .Values.shutdownMarginSeconds }}
{{- end -}}

{{/* What can't work is refused here, with what to do, and not found out by a pod that does not start. */}}
{{- define "artifortress.check" -}}
{{- if not (get .Values.settings "ARTIFORTRESS_S3_BUCKET") -}}
{{- fail "settings.ARTIFORTRESS_S3_BUCKET is not set: replicas share their bytes in a bucket. The folder store is for one machine (docs/operating.md)." -}}
{{- end -}}
{{- if not (get .Values.settings "ARTIFORTRESS_PUBLIC_URL") -}}
{{- fail "settings.ARTIFORTRESS_PUBLIC_URL is not set: give the address that clients use." -}}
{{- end -}}
{{- if not (or .Values.secret.existing (get .Values.secret.values "DATABASE_URL")) -}}
{{- fail "There is no DATABASE_URL: set secret.existing to a Secret that has it, or secret.values.DATABASE_URL. The image has no PostgreSQL of its own." -}}
{{- end -}}
{{- end -}}

{{/* The pod of a component: .root, .component, .worker ("true" or "false"), .resources. */}}
{{- define "artifortress.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "artifortress.labels" . | nindent 4 }}
    {{- with $values.server.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # Changed settings make new pods.
    checksum/settings: {{ toJson $values.settings | sha256sum }}
    checksum/secret: {{ toJson $values.secret | sha256sum }}
    {{- with $values.server.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "artifortress.serviceAccount" $root }}
  automountServiceAccountToken: false
  # A Service called "artifortress" would put ARTIFORTRESS_PORT and others into the environment, which the server refuses as unknown settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "artifortress.terminationGracePeriodSeconds" $root }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    # So that the files of Secrets can be read.
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.server.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.server.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.server.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.server.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if $values.server.topologySpreadConstraints }}
    {{- toYaml $values.server.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "artifortress.selectorLabels" . | nindent 10 }}
    {{- end }}
  containers:
    - name: artifortress
      image: {{ include "artifortress.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      envFrom:
        - configMapRef: { name: {{ include "artifortress.name" $root }} }
        - secretRef: { name: {{ include "artifortress.secret" $root }} }
      env:
        - { name: ARTIFORTRESS_WORKER, value: {{ .worker | quote }} }
      ports:
        - { name: http, containerPort: 8080 }
      # A first start, and one after an upgrade, migrates the database before it listens.
      startupProbe:
        httpGet: { path: /health/live, port: http, scheme: {{ include "artifortress.scheme" $root }} }
        periodSeconds: 2
        failureThreshold: 150
      # Asks nothing of the database: its outage must not restart the pods.
      livenessProbe:
        httpGet: { path: /health/live, port: http, scheme: {{ include "artifortress.scheme" $root }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /health/ready, port: http, scheme: {{ include "artifortress.scheme" $root }} }
        periodSeconds: 5
        # The server gives its dependencies 3 seconds.
        timeoutSeconds: 5
        failureThreshold: 2
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /var/lib/artifortress }
        - { name: tmp, mountPath: /tmp }
        {{- range $name, $file := $values.files }}
        {{- if $file.secret }}
        - { name: {{ kebabcase $name }}, mountPath: /etc/artifortress/{{ kebabcase $name }}, readOnly: true }
        {{- end }}
        {{- end }}
  volumes:
    # On S3 nothing in it has to last.
    - { name: data, emptyDir: {} }
    - { name: tmp, emptyDir: {} }
    {{- range $name, $file := $values.files }}
    {{- if $file.secret }}
    - name: {{ kebabcase $name }}
      secret: { secretName: {{ $file.secret }}, defaultMode: 0440 }
    {{- end }}
    {{- end }}
{{- end -}}
